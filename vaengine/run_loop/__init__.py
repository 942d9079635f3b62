"""The run loop: passes, isolation, failures and job controls, round after round until nothing is left."""
