"""The explorers: each a state and the views of it."""
