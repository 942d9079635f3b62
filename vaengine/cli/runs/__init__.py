"""Commands that start runs, here or on a cluster, and follow and control them."""
