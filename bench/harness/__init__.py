"""The harness of the benchmarks: machine facts, timing, results, faults and the report."""
