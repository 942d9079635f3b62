"""Values that describe a video and its sound, and frames as arrays."""
