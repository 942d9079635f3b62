"""Names that people call annotation types by: the type itself, the property that has them, one or many."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Final

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_DETECTION,
    FACE_IDENTITY,
    LOUDNESS,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
)
from schemas.errors import UsageError

TYPES: Final = (
    *(SCENE_TYPE, PERSON_DETECTION, PERSON_TRACK, FACE_DETECTION, FACE_IDENTITY),
    *(SPEECH, WORD, SPEAKER, AUDIO_EVENT, VOICE_ACTIVITY, LOUDNESS),
)
# Properties of `VideoAnnotations` and short names, each in the singular; the plural has an s more.
_NAMES: Final[Mapping[str, str]] = {
    "person": PERSON_TRACK,
    "track": PERSON_TRACK,
    "box": PERSON_DETECTION,
    "boxe": PERSON_DETECTION,  # boxes
    "detection": PERSON_DETECTION,
    "face": FACE_IDENTITY,
    "identity": FACE_IDENTITY,
    "face_identitie": FACE_IDENTITY,
    "identitie": FACE_IDENTITY,
    "face_box": FACE_DETECTION,
    "face_boxe": FACE_DETECTION,
    "speeche": SPEECH,
    "utterance": SPEECH,
    "turn": SPEAKER,
    "event": AUDIO_EVENT,
    "sound": AUDIO_EVENT,
    "voice": VOICE_ACTIVITY,
    "voice_activitie": VOICE_ACTIVITY,
}


def type_named(name: str, there: Collection[str] = ()) -> str:
    """The annotation type that a name means; `there` are further types, such as of rows saved by hand.

    Raises `UsageError`.
    """
    if name in there:
        return name
    known = {**{one: one for one in TYPES}, **_NAMES}
    asked = name.strip().lower()
    for one in (asked, asked.removesuffix("s")):
        if one in known:
            return known[one]
    types = list(dict.fromkeys([*TYPES, *there]))
    nearest = difflib.get_close_matches(asked, [*types, *_NAMES], 1, 0.6)
    meant = f": did you mean {known.get(nearest[0], nearest[0])!r}? There" if nearest else ": there"
    raise UsageError(f"no annotation type is called {name!r}{meant} are {', '.join(types)}")
