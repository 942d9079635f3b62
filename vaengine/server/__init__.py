"""The server: an API, events and pages over one store, for browsers and programs."""
