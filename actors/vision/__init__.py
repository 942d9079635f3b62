"""What all models of frames share: boxes, letterboxes, batches, scene scores, clustering."""
