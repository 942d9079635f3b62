"""What lies where on the time axis of a video: one model of lanes for every drawing of results."""
