"""The collection as pages see it: one light value for each video, kept up to date by the store's events."""
