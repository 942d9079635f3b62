"""What tests share: builders of what they work on, and how the suite runs."""
