"""Fine-tuning of the detector of persons: what is asked for, the worker that trains, and what comes of it."""
