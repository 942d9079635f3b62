"""Commands that ask a store, say who is who, and draw what was found."""
