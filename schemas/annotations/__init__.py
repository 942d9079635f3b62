"""Annotations of a video: rows, attributes and categories, COCO and subtitles."""
