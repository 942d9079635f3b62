"""Commands that make datasets and train on them."""
