"""What a container holds: streams, packets, times, keyframes, and what is missing."""
