"""What the store of files keeps on disk: where each document lies, and how it is written and locked."""
