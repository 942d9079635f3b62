"""How far a batch is and how it went, for people and programs."""
