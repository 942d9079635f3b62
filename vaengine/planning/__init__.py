"""What is to be done: probing, backlog, chunks, suspects, dry runs."""
