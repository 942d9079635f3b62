"""Model files and models of the Hugging Face hub that presets may name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

Task = Literal["detect", "pose", "face"]
Hearing = Literal["whisper", "align", "events", "speakers"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HUB_NAME = re.compile(rf"({_NAME.pattern}/)?{_NAME.pattern}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Packaged:
    """A package of the Python index that contains a model.

    `path` is that of the model's file or folder among the package's files.
    """

    distribution: str
    path: str

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path)
        if not self.path or parts.is_absolute() or ".." in parts.parts:
            raise ValueError(
                f"a path within {self.distribution} is relative and does not leave it, not {self.path!r}"
            )


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of weights.

    `sha256` is 64 hex digits, None where no published one is known; `licence` is an SPDX identifier or in
    words. `members` are the files of an archive with their digests; the archive is kept unpacked, in a
    folder of its name without the ending. `packaged` is a package that contains it too, if there is one.
    """

    name: str
    url: str
    sha256: str | None
    size_bytes: int
    licence: str
    task: Task | Hearing
    what: str
    members: Mapping[str, str] = field(default_factory=dict, hash=False)
    packaged: Packaged | None = None

    def __post_init__(self) -> None:
        if not all(_NAME.fullmatch(name) for name in (self.name, *self.members)):
            raise ValueError(f"a model's name is a plain file name, not {self.name!r}")
        if not self.url.startswith(("https://", "http://")):
            raise ValueError(f"{self.name} is fetched over https or http, not from {self.url!r}")
        if not all(
            _DIGEST.fullmatch(digest)
            for digest in (self.sha256, *self.members.values())
            if digest is not None
        ):
            raise ValueError(
                f"the sha256 of {self.name} and what is in it has 64 lower-case hex digits, not "
                f"{self.sha256!r}"
            )
        if self.size_bytes < 1:
            raise ValueError(f"the size of {self.name} cannot be {self.size_bytes} bytes")

    @property
    def pack(self) -> str | None:
        """The folder that an archive is kept in; None for a single file."""
        return self.name.rpartition(".")[0] if self.members else None

    @property
    def held_to(self) -> str | None:
        """The digest that is checked: the file's own, or for an archive that of its members."""
        if not self.members:
            return self.sha256
        return digest_of_parts(sorted(self.members.items()))


@dataclass(frozen=True, slots=True)
class HubModel:
    """One model of the Hugging Face hub, a folder of files.

    `size_bytes` is about the size of the download. `members` are its files with their digests, against
    which the copy in the package `packaged` is checked, if there is one.
    """

    name: str
    task: Hearing
    size_bytes: int
    licence: str
    what: str
    members: Mapping[str, str] = field(default_factory=dict, hash=False)
    packaged: Packaged | None = None

    def __post_init__(self) -> None:
        if not _HUB_NAME.fullmatch(self.name) or self.size_bytes < 1:
            raise ValueError(
                "a hub's models are called OWNER/NAME, or by a name that Whisper's library knows: "
                f"{self.name!r}"
            )
        if self.packaged and not self.members:
            raise ValueError(
                f"what {self.packaged.distribution} holds of {self.name} is used by its digests only, and "
                "there are none"
            )

    @property
    def held_to(self) -> str | None:
        """The digest of its files, None where no published ones are known."""
        return digest_of_parts(sorted(self.members.items())) if self.members else None


def digest_of_parts(parts: Iterable[tuple[str, str]]) -> str:
    """sha256 (hex) of a model in several files: of their names and digests, in the order given."""
    return hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in parts).encode()).hexdigest()


def model_name(name: str) -> str:
    """The last part of a model's name: of `OWNER/NAME`, a folder, or a hub's snapshot.

    It stays the same wherever the model was found.
    """
    path = PurePosixPath(name)
    if path.parent.name == "snapshots":  # .../models--OWNER--NAME/snapshots/REVISION
        return path.parent.parent.name.rpartition("--")[2]
    return path.name
