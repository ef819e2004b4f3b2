"""What each explorer shows, as a value: how it begins, how it changes, and what it may be."""
