"""A painted world of postcards, and a vision-language model trained on it."""
