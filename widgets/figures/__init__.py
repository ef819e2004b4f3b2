"""Charts by plotly: pure functions from numbers to a figure, and a static row of images."""
