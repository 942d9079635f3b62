"""What a video and its sound are, and frames as arrays."""
