"""Face detectors, face attributes and embeddings, tracklets."""
