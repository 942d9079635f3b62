"""What a user may call a person: a name, `identity_0007`, or a label of a video such as `VIDEO:face_0002`."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from schemas.errors import UsageError
from vaengine.console.output import in_one_cell

MAX_NAME: Final = 100  # characters
_LABEL: Final = re.compile(r"(?P<video>.+):(?P<label>(?:person|face|speaker)_\w+)")
_IDENTITY: Final = re.compile(r"identity_\d+")
_PERSON_ID: Final = re.compile(r"p-[0-9a-f]{8}")

VideoIdOf = Callable[[str], str]  # the id of the video that a user's name means; raises `NotFound`


@dataclass(frozen=True, slots=True)
class LabelTarget:
    """A track, a face or a speaker of one video."""

    video_id: str
    label: str

    def __str__(self) -> str:
        return f"{self.video_id}:{self.label}"


@dataclass(frozen=True, slots=True)
class IdentityTarget:
    """All faces of an identity of the collection."""

    identity_id: str

    def __str__(self) -> str:
        return self.identity_id


Target = LabelTarget | IdentityTarget | str  # a name or the id of a person is a text


def target_of(text: str, video_id_of: VideoIdOf) -> Target:
    """What a user's text means; raises what `video_id_of` raises."""
    if found := _LABEL.fullmatch(text):
        return LabelTarget(video_id_of(found["video"]), found["label"])
    return IdentityTarget(text) if _IDENTITY.fullmatch(text) else text


def checked_name(text: str) -> str:
    """The name as it is stored, without blanks around; raises `UsageError` for one that is no name."""
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not name or len(name) > MAX_NAME:
        raise UsageError(f"a name has 1 to {MAX_NAME} characters, this one has {len(name)}")
    if in_one_cell(name) != name or not name.isprintable():
        raise UsageError(f"a name has no control characters: {name!r}")
    if any(form.fullmatch(name) for form in (_LABEL, _IDENTITY, _PERSON_ID)):
        raise UsageError(f"{name!r} is no name but an id: give the person a name of another form")
    return name


def new_person_id() -> str:
    """The id of a person who is new: `p-` and 8 hexadecimal digits."""
    return f"p-{uuid.uuid4().hex[:8]}"
