"""Output to a terminal: text, JSON lines, units, and the load of the machine."""
