"""Events for browsers and programs: read once in a process, encoded once, and handed to everybody."""
