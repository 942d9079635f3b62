"""What a user chooses about an export, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.pipelines import AnsweredBy


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """`interpolate` adds boxes in straight lines between sampled frames; `min_confidence` in 0..1 leaves
    out rows that are less sure; `pictures` says whether frames are cut out of videos, None: as the format
    needs them; `bom` begins CSV files with the mark by which Excel knows UTF-8; `source` says whose rows
    they are, of which people's count however sure they are.
    """

    interpolate: bool = False
    min_confidence: float = 0.0
    pictures: bool | None = None
    bom: bool = False
    source: AnsweredBy = "machine"

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_confidence <= 1.0:
            raise ValueError(f"a confidence lies in 0..1, got {self.min_confidence}")


DEFAULTS: Final = ExportOptions()
