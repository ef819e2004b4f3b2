"""Our own anywidgets, one view per file, with what they share; their JavaScript is in static/."""
