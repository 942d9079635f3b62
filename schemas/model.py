"""A model file that presets may name: where it is fetched from, and what it has to be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Task = Literal["detect", "pose"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of weights. `sha256` is 64 hex digits, None where no published one is known; `licence` is an SPDX identifier."""

    name: str
    url: str
    sha256: str | None
    size_bytes: int
    licence: str
    task: Task
    what: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a model's name is a plain file name, not {self.name!r}")
        if not self.url.startswith(("https://", "http://")):
            raise ValueError(f"{self.name} is fetched over https or http, not from {self.url!r}")
        if self.sha256 is not None and not _DIGEST.fullmatch(self.sha256):
            raise ValueError(f"the sha256 of {self.name} has 64 lower-case hex digits, not {self.sha256!r}")
        if self.size_bytes < 1:
            raise ValueError(f"the size of {self.name} cannot be {self.size_bytes} bytes")
