"""Chunks of frames and blocks of sound, decoded."""
