"""Four short videos in which who is where, what is heard and what is said are known by construction.

| video | picture | sound |
| --- | --- | --- |
| meeting | Adam, then Ben, then nobody | each of them speaks, then laughter 3 s after Adam is gone |
| hall | Adam again, then nobody | Adam speaks, then laughter 17 s after he is gone |
| stage | Cleo top left, then Dan bottom right, then nobody | laughter when both are gone |
| call | four persons at once, then Eve, then the four again | reading, then Eve, then nothing |

The people are talkers of the GRID corpus, the reading is LibriSpeech.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.conftest import SHARED
from tests.support.media.composed import (
    BOTTOM_RIGHT,
    MIDDLE,
    QUARTERS,
    TOP_LEFT,
    Shot,
    Sound,
    composed,
    laughter_classifier,
)

MEDIA: Final = SHARED / "media"
GRID: Final = MEDIA / "video" / "grid"
ADAM, ADAM_AGAIN, BEN, CLEO, DAN, EVE, *FOUR = (
    GRID / f"{name}.mpg"
    for name in (
        *("id2_swwp2s", "pwij3p", "lbbc2a", "sbia1a", "bbaf2n", "lwbsza"),
        *("brbk7n", "lbax4n", "lrwp9a", "swiz3n"),
    )
)
READING: Final = MEDIA / "audio" / "libri_2412-153948-0000.flac"
PACK: Final = SHARED / "models" / "insightface" / "models" / "test_pack"
DARK, LIGHT, GREEN = (40, 44, 52), (225, 220, 210), (30, 90, 60)
EMPTY: Final = (("meeting", 3, GREEN), ("hall", 20, LIGHT), ("stage", 3, GREEN))


def collection(folder: Path) -> list[Path]:
    """The videos, rendered into a folder."""
    called = dict(zip(QUARTERS, FOUR, strict=True))
    nobody = {name: Shot(seconds, colour=colour) for name, seconds, colour in EMPTY}
    return [
        composed(
            folder / "meeting.mp4",
            [
                Shot(3, {MIDDLE: ADAM}, DARK, own_sound=True),
                Shot(3, {MIDDLE: BEN}, LIGHT, own_sound=True),
                nobody["meeting"],
            ],
            [Sound(6, 2.8)],
        ),
        composed(
            folder / "hall.mp4",
            [Shot(3, {MIDDLE: ADAM_AGAIN}, DARK, own_sound=True), nobody["hall"]],
            [Sound(20, 2.8)],
        ),
        composed(
            folder / "stage.mp4",
            [Shot(3, {TOP_LEFT: CLEO}, DARK), Shot(3, {BOTTOM_RIGHT: DAN}, LIGHT), nobody["stage"]],
            [Sound(6, 2.8)],
        ),
        composed(
            folder / "call.mp4",
            [Shot(4, called), Shot(3, {MIDDLE: EVE}, LIGHT, own_sound=True), Shot(3, called)],
            [Sound(0, 4, READING, 0.3)],
        ),
    ]


def stand_in_classifier(folder: Path) -> Path:
    """A classifier that hears our laughter, in place of one of AudioSet; see `laughter_classifier`."""
    recordings = [READING, ADAM, BEN, EVE, MEDIA / "audio" / "jfk.flac"]
    return laughter_classifier(folder, recordings)


def settings(events_model: Path) -> list[str]:
    """Options of a run of all four pipelines, faces with embeddings and sounds by the stand-in."""
    told = {"face.detector": "scrfd", "face.pack": str(PACK), "audio.events_model": str(events_model)}
    return [part for key, value in told.items() for part in ("--set", f"{key}={value}")]
