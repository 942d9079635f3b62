"""Machine facts, timing, results and the report."""
