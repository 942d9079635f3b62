"""Tables of an export: tidy ones for each annotation type, one of videos, and one of moments."""
