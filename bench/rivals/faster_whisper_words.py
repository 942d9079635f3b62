"""Words by faster-whisper's batched pipeline.

`python -m bench.rivals.faster_whisper_words N MODEL FILE...` prints the number of words. N is how many
processes there are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from bench.rivals.process_per_core import found_by, tell

BATCH: Final = 8


def words_in(model: str, files: Sequence[str], threads: int) -> dict[str, int]:
    """The number of timed words in some files."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    whisper = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads)
    pipeline = BatchedInferencePipeline(whisper)
    count = 0
    for file in files:
        segments, _ = pipeline.transcribe(file, batch_size=BATCH, language="en", word_timestamps=True)
        count += sum(len(segment.words or ()) for segment in segments)
    return {"word": count}


if __name__ == "__main__":
    processes, model, *files = sys.argv[1:]
    tell(found_by(partial(words_in, model), int(processes), files))
