"""The benchmark cases, one module each."""
