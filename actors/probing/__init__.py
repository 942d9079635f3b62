"""Facts of a file, read without decoding it."""
