"""Which model each pipeline runs with."""
