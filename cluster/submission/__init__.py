"""Batches handed to a cluster's job server: submitted, followed, found again and stopped."""
