"""Views for notebooks: pure functions from numbers to figures, and the widgets that show them."""
