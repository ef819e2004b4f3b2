"""Postcards: a painted world and a model that understands it."""
