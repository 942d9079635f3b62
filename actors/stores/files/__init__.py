"""The store in files: a folder for each video."""
