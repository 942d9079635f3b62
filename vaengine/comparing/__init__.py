"""Agreement of two results of the same videos: of people and the machine, or of two runs."""
