"""What a dataset is to be: its kind, which pictures count, how they are split."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION
from schemas.errors import UsageError
from schemas.pipelines import AnsweredBy

Kind: TypeAlias = Literal["person", "face", "scene"]
Split: TypeAlias = Literal["train", "val", "test"]
KINDS: Final[tuple[Kind, ...]] = ("person", "face", "scene")
SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")
BOX_TYPES: Final = {"person": PERSON_DETECTION, "face": FACE_DETECTION}  # of the classes of boxes
PER_CENT: Final = 100


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of pictures in each split, 0 to 1, together 1; some are for training."""

    train: float = 0.7
    val: float = 0.15
    test: float = 0.15

    def __post_init__(self) -> None:
        if min(self.train, self.val, self.test) < 0 or abs(self.train + self.val + self.test - 1) > 1e-9:
            raise ValueError(f"shares of splits are together 1, got {self}")
        if not self.train:
            raise ValueError("a dataset has pictures for training")

    @classmethod
    def of(cls, text: str) -> Shares:
        """From a text such as `70/15/15`, in per cent; raises `UsageError`."""
        try:
            train, val, test = (float(part) / PER_CENT for part in text.split("/"))
            return cls(train, val, test)
        except ValueError:
            raise UsageError(
                f"--split takes per cent of train, val and test that make 100, as 70/15/15, not {text!r}"
            ) from None

    def of_split(self, split: Split) -> float:
        """The share of one split."""
        share: float = getattr(self, split)
        return share


@dataclass(frozen=True, slots=True)
class DatasetRequest:
    """Which pictures of a selection are taken.

    `person` sets have boxes of `classes` in whole frames; `face` sets have faces that are cut out, by who it
    is; `scene` sets have whole frames of the classes of `--class`. Pictures of one video, or of one face in
    it, are at least `every_s` seconds apart, and at most `max_pictures` are taken of a video. Boxes of the
    machine that are less sure than `min_confidence` do not count. `source` says whose rows count:
    `corrected` takes people's where they annotated a video. Faces have at least `min_pixels` on their shorter
    side. `drop_duplicates` leaves near-duplicates out. Raises ValueError on values that cannot be.
    """

    kind: Kind = "person"
    classes: tuple[str, ...] = ("person",)
    every_s: float = 1.0
    max_pictures: int = 500
    min_confidence: float = 0.5
    source: AnsweredBy = "corrected"
    shares: Shares = field(default_factory=Shares)
    seed: int = 0
    min_pixels: int = 32
    drop_duplicates: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a dataset is of {', '.join(KINDS)}, not {self.kind}")
        if self.every_s < 0 or self.max_pictures < 1 or self.min_pixels < 1:
            raise ValueError("pictures are at least 0 s apart, at least one a video, at least one pixel wide")
        if not 0.0 <= self.min_confidence <= 1.0:
            raise ValueError(f"a confidence lies in 0..1, got {self.min_confidence}")
        if self.kind == "person" and not set(self.classes) <= set(BOX_TYPES):
            raise ValueError(f"boxes are of {', '.join(BOX_TYPES)}, not {', '.join(self.classes)}")
        if not self.classes or len(set(self.classes)) < len(self.classes):
            raise ValueError("a dataset has classes, and each once")
