"""What the review page shows of one video: its file, previews and pictures, frame times, lanes and boxes."""
