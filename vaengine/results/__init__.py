"""What was found in a video, as values."""
