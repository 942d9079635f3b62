"""From what models found to the rows of a result."""
