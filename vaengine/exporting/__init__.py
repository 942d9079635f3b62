"""Results as files of other tools: a selection of a store, its values one after the other, and formats."""
