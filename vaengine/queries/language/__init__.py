"""The query document, and the ways to write one: files, options of a command line, a builder in Python."""
