from lstm_tutorial.cli.commands import app

if __name__ == "__main__":
    app(prog_name="python -m lstm_tutorial")
