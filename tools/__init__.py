"""What works on the repository and belongs to neither the package nor the tests."""
