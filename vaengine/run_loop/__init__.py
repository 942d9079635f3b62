"""The run loop: passes, isolated attempts, failures and job controls, in rounds until nothing is left."""
