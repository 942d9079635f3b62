"""The execution of batches: the engine, its machines, runs in the foreground and in a child process."""
