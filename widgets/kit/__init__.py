"""Our own anywidgets, one view a file, with what they share; their JavaScript is in static/."""
