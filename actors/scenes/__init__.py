"""What a whole picture shows, as a vector that a text can be compared with."""
