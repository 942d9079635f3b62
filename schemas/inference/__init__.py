"""What models give back."""
