"""Units of work: jobs, runs, chunks, attempts, and how far they are."""
