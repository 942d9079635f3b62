"""The words of a query document: kinds, relations, places in the picture."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

KindName: TypeAlias = Literal[
    "video",
    "scene",
    "person",
    "box",
    "face",
    "identity",
    "sound",
    "speech",
    "word",
    "speaker",
    "voice",
    "loudness",
    "behavior",
]
RelationName: TypeAlias = Literal[
    "near", "before", "after", "overlaps", "during", "contains", "starts", "finishes", "meets"
]
MEASURED_RELATIONS: Final = ("near", "before", "after")  # those that may have a longest distance
RegionMode: TypeAlias = Literal["center", "inside", "intersects", "fraction"]
Distinct: TypeAlias = Literal["person", "row"]
LoudnessName: TypeAlias = Literal["rms_dbfs", "peak_dbfs"]

# Left, top, right and bottom edge, as shares of the picture's width and height.
REGIONS: Final[dict[str, tuple[float, float, float, float]]] = {
    "top-left": (0.0, 0.0, 0.5, 0.5),
    "top-right": (0.5, 0.0, 1.0, 0.5),
    "bottom-left": (0.0, 0.5, 0.5, 1.0),
    "bottom-right": (0.5, 0.5, 1.0, 1.0),
    "left": (0.0, 0.0, 0.5, 1.0),
    "right": (0.5, 0.0, 1.0, 1.0),
    "top": (0.0, 0.0, 1.0, 0.5),
    "bottom": (0.0, 0.5, 1.0, 1.0),
    "middle": (0.25, 0.25, 0.75, 0.75),
}
# Two times that are at most half a millisecond apart are equal, since floats round. A power of two, so that
# adding it does not round.
TOLERANCE_S: Final = 2**-11
MIN_TRACK_S: Final = 0.5  # a shorter track is no person: one box alone is a mistake more often than not
