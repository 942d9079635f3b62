"""A sandbox process for work that may kill its worker."""
