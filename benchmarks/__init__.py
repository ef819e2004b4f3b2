"""One question a file; see the modules' own docstrings."""
