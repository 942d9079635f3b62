"""Results of a video as frozen values."""
