"""Decoders of chunks of frames and of blocks of sound."""
