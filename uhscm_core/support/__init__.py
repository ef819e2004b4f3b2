"""What the method stands on: files and their places, devices, seeds, progress, downloads."""
