"""Where model files are, and how libraries are kept from fetching them."""
