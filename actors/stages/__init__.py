"""What works in a pass: decoding, vision and audio."""
