"""Results of models, and the protocol of a detector."""
