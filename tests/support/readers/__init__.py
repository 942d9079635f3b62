"""Programs of others that open exported files, each in a process of the readers' environment."""
