"""Plans the work of a run: probing, backlog, chunks, suspects, dry run."""
