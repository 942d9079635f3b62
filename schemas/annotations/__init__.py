"""What is stored of a video: annotations, their attributes and categories, COCO and subtitles."""
