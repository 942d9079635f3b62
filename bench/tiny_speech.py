"""Tiny models of speech for tests and benches, trained in minutes on eleven real clips: `python -m bench.tiny_speech OUT_DIR`.

They know the eleven sentences of `groundtruth/grid_11_talkers_33s.json` by heart and nothing else. Their form is that of the real ones, a
Whisper model converted by CTranslate2 and a wav2vec 2.0 model with a CTC head, so that whatever loads and runs those can be tested.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.fixtures.spoken_clips import SpokenClip
from schemas.sound import SAMPLE_RATE

GRID: Final = Path(__file__).parents[2] / "shared" / "media"
TIMED_CLIP: Final = "id2_swwp2s"
TIMED_UNITS: Final = 25_000  # of the word times, a second


def grid_clips(media: Path = GRID) -> list[SpokenClip]:
    """The eleven clips in the order of their list; raises FileNotFoundError without the folder of real clips."""
    from faster_whisper.audio import decode_audio

    listed = json.loads((media / "groundtruth" / "grid_11_talkers_33s.json").read_text(encoding="utf-8"))["clips"]
    words = _timed_words(media / "groundtruth" / "grid_swwp2s.align")
    return [
        SpokenClip(
            clip["clip"],
            decode_audio(str(media / "video" / "grid" / f"{clip['clip']}.mpg"), SAMPLE_RATE),
            clip["text"],
            words if clip["clip"] == TIMED_CLIP else (),
        )
        for clip in listed
    ]


def _timed_words(path: Path) -> tuple[tuple[str, float, float], ...]:
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return tuple((word, int(start) / TIMED_UNITS, int(end) / TIMED_UNITS) for start, end, word in lines if word != "sil")


def made(folder: Path, clips: Sequence[SpokenClip]) -> tuple[Path, Path]:
    """Both models below `folder`: `whisper` in CTranslate2's form and `align` in that of transformers."""
    from bench.tiny_align import trained_aligner
    from bench.tiny_whisper import trained_whisper

    return trained_whisper(folder / "whisper", clips), trained_aligner(folder / "align", clips)


def main() -> None:
    began = time.monotonic()
    whisper, align = made(Path(sys.argv[1]), grid_clips())
    print(f"{whisper} and {align} after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
