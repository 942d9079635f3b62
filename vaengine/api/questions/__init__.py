"""Questions to a store, in Python: queries, likeness, and what a picture or a face refers to."""
