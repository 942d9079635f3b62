"""The timeline of a video: bars, tracks, lanes and colours that all drawings of results share."""
