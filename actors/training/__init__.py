"""Fine-tunes detectors, in a worker of Ray Train or in a child process."""
