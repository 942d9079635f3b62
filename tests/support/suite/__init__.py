"""How the suite runs: lanes, starts of Ray, logged errors, and threads in place of processes."""
