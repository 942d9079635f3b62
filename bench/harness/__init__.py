"""The harness: machine facts, timing, results and the report."""
