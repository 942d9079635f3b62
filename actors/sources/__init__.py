"""Files to read, on a disk or behind a URL: facts, content, byte ranges, folders."""
