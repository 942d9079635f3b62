"""A process that looks into files one by one, as a run would, and says what came of each; whoever started it
outlives its death.

`python -m tests.support.media.probe_process`: a path a line on standard input, a JSON object a line on
standard output.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any, Final

from actors.decoding.audio_decoder import decoded
from actors.probing.probe import probe
from actors.stages.chunk_reader import read_chunk
from actors.stores.encoding import rows
from schemas.errors import VideoError
from schemas.media.video import Video
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.settings.settings import Settings
from schemas.work.messages import ChunkEnd, from_row, to_row
from vaengine.planning.plan import blocks_of, chunks_of, work_keys

MOST_MEMORY: Final = 6 << 30  # of addresses: a header must not make a reader ask for more
MOST_UNITS: Final = 40  # chunks or blocks of one file that are looked at: a header may promise hours
WAYS: Final = ((SCENE, PERSON), (PERSON,), (FACE,))
SETTINGS: Final = {
    (SCENE, PERSON): Settings(),
    (PERSON,): Settings.model_validate({"person": {"reset_at_cuts": False, "detector": "yolo"}}),
    (FACE,): Settings.model_validate({"face": {"link_persons": False}, "engine": {"chunk_seconds": 1.0}}),
}


class Unwatched:
    """A run that nobody stops."""

    def started(self) -> bool:
        return True

    def stopping(self) -> bool:
        return False


def examined(path: str) -> dict[str, Any]:
    """What became of a file: `kinds` of failure, or `fault`, which must never be."""
    began = time.monotonic()
    try:
        kinds = sorted(set(_kinds(path)))
        return {"kinds": kinds, "seconds": time.monotonic() - began}
    except Exception:  # noqa: BLE001 told to whoever asked
        return {"kinds": [], "fault": traceback.format_exc(), "seconds": time.monotonic() - began}


def _kinds(path: str) -> Iterator[str]:
    try:
        video = probe(path)
    except VideoError as error:
        yield error.kind
        return
    row = rows.video_row(video)
    if rows.video_from(row) != video or any(
        isinstance(value, int) and value.bit_length() > 63 for value in row.values()
    ):
        raise AssertionError(f"it cannot be stored as it is: {row}")
    yield from _seen(video)
    yield from _heard(video)


def _seen(video: Video) -> Iterator[str]:
    if not video.has_pictures:
        return
    for pipelines in WAYS:
        keys = work_keys(video.video_id, pipelines, SETTINGS[pipelines])
        for spec in chunks_of(video, {key: [] for key in keys}, SETTINGS[pipelines])[:MOST_UNITS]:
            *pieces, end = (from_row(to_row(piece)) for piece in read_chunk(spec, Unwatched()))
            if not isinstance(end, ChunkEnd) or end.pieces != len(pieces):
                raise AssertionError(f"a chunk ends with its end, which counts its pieces: {end}")
            if end.failure is not None and end.failure.kind == "internal":
                raise AssertionError(end.failure.message)
            yield end.failure.kind if end.failure is not None else "read"


def _heard(video: Video) -> Iterator[str]:
    for block in blocks_of(video, {key: [] for key in work_keys(video.video_id, (AUDIO,), Settings())})[
        :MOST_UNITS
    ]:
        try:
            samples, is_lost = decoded(block.path, block.sound, block.first, block.stop)
        except VideoError as error:
            yield error.kind
            continue
        if not len(samples) == len(is_lost) == block.stop - block.first or not abs(samples).max() <= 1:
            raise AssertionError(
                f"samples are as many as asked for, in -1..1: {samples.shape} {samples.min()} {samples.max()}"
            )
        yield "heard"


def main() -> None:
    """Answer until nobody asks any more."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    for line in sys.stdin:
        print(json.dumps(examined(line.rstrip("\n"))), flush=True)  # noqa: T201 its answer


if __name__ == "__main__":
    main()
