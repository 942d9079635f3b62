"""Settings, model files they may name, and the layers they come from."""
