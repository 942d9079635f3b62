"""The three steps of a pass in a worker: decoding, vision and audio."""
