"""Which files a request means: folders, lists, patterns and URLs, followed to files, each once."""
