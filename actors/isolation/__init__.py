"""The sandbox: a child process that tries one chunk at a time, for chunks that may kill their worker."""
