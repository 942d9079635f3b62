"""The values that formats are functions of: selected videos, their rows, frames, tracks and intervals."""
