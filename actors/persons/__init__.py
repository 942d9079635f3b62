"""Person detectors, their runtimes, and tracking."""
