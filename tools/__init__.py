"""Tools for the repository that belong to neither the package nor the tests."""
