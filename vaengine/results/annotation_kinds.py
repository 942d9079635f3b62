"""The names under which users address annotation types: the type, its property, singular or plural."""

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


def type_named(name: str, stored_types: Collection[str] = ()) -> str:
    """The annotation type for a name; raises `UsageError` for an unknown one.

    Further types, such as those of rows saved by hand, are accepted as they are.
    """
    if name in stored_types:
        return name
    known = {**{candidate: candidate for candidate in TYPES}, **_NAMES}
    asked = name.strip().lower()
    for candidate in (asked, asked.removesuffix("s")):
        if candidate in known:
            return known[candidate]
    types = list(dict.fromkeys([*TYPES, *stored_types]))
    nearest = difflib.get_close_matches(asked, [*types, *_NAMES], 1, 0.6)
    suggestion = f": did you mean {known.get(nearest[0], nearest[0])!r}? There" if nearest else ": there"
    raise UsageError(f"no annotation type is called {name!r}{suggestion} are {', '.join(types)}")
