"""Voice activity, speech recognition, diarization, audio events, loudness."""
