"""Settings, the layers they come from, and model files that they may name."""
