"""People above tracks, faces and speakers: their names, and which of a collection's results are theirs."""
