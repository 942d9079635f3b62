"""Units of work: jobs, runs, chunks, attempts, messages, and how far they are."""
