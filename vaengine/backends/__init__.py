"""What carries out the work of a run: Ray, or this process and its children."""
