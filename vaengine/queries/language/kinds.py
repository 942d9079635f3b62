"""The kinds of things that a query asks about, by the names that people type."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final, get_args

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    BEHAVIOR_TYPE,
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
from schemas.pipelines import AUDIO, BEHAVIOR, FACE, PERSON, SCENE
from vaengine.queries.language.words import KindName

MIN_NAME_SIMILARITY: Final = 0.75  # of a name that is offered instead, 0..1: a slip or two of the keyboard


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: the annotation type of its rows, and the pipeline that finds them.

    A video is no annotation: both are None. Rows of a point are of one frame. `local_id` is the column that
    tells one person from another within a video.
    """

    name: KindName
    annotation_type: str | None
    pipeline: str | None
    is_point: bool = False
    local_id: str | None = None


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("video", None, None),
        Kind("scene", SCENE_TYPE, SCENE),
        Kind("person", PERSON_TRACK, PERSON, local_id="person_id"),
        Kind("box", PERSON_DETECTION, PERSON, is_point=True, local_id="person_id"),
        Kind("face", FACE_DETECTION, FACE, is_point=True, local_id="face_id"),
        Kind("identity", FACE_IDENTITY, FACE, local_id="face_id"),
        Kind("sound", AUDIO_EVENT, AUDIO),
        Kind("speech", SPEECH, AUDIO, local_id="speaker_id"),
        Kind("word", WORD, AUDIO, local_id="speaker_id"),
        Kind("speaker", SPEAKER, AUDIO, local_id="speaker_id"),
        Kind("voice", VOICE_ACTIVITY, AUDIO),
        Kind("loudness", LOUDNESS, AUDIO),
        Kind("behavior", BEHAVIOR_TYPE, BEHAVIOR, local_id="person_id"),
    )
}
assert set(KINDS) == set(get_args(KindName))
_OTHER_NAMES: Final[dict[str, KindName]] = {
    "people": "person",
    "track": "person",
    "boxes": "box",
    "identities": "identity",
    "audio": "sound",
    "event": "sound",
    "audio_event": "sound",
    "voices": "voice",
    "utterance": "speech",
    "shot": "scene",
    "behaviour": "behavior",
}


def kind_named(name: str) -> Kind:
    """The kind for a name, singular or plural; raises `UsageError` with the nearest one."""
    asked = name.strip().lower().replace("-", "_")
    for candidate in (asked, asked.removesuffix("s"), asked.removesuffix("es")):
        known = _OTHER_NAMES.get(candidate, candidate)
        if known in KINDS:
            return KINDS[known]
    near = difflib.get_close_matches(asked, [*KINDS, *_OTHER_NAMES], 1, MIN_NAME_SIMILARITY)
    hint = f"did you mean {_OTHER_NAMES.get(near[0], near[0])!r}? " if near else ""
    raise UsageError(f"nothing is called {name!r}: {hint}A query knows {', '.join(KINDS)}")
