"""The command line: ``python -m lstm_tutorial``."""
