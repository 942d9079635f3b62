"""The progress and the reports of batches, as text for people and as JSON for programs."""
