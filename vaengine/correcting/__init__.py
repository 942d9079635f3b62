"""Corrections of boxes: edits, the tracks that they change, and the results of people that come of them."""
