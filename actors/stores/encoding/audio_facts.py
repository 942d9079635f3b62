"""Converts what is known of a video's sound to the JSON text in column `sound` of table `videos`, and back.

The facts of the track in use are at the top level, all tracks are below `sounds`, and `sound_fault` says why
the sound cannot be used. `null` is a video without sound, `false` one whose sound was not probed. NULL, and
facts without `sounds`, come from an earlier version: such a video has to be probed again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any, Final

from schemas.media.audio import AudioStream
from schemas.media.video import StreamFault, Video

# The fields of a video that are in the text.
FIELDS: Final = frozenset({"sound", "sounds", "is_sound_known", "sound_fault"})


def sound_text(video: Video) -> str:
    """The JSON text for a video."""
    fault = {"sound_fault": asdict(video.sound_fault)} if video.sound_fault else {}
    own_facts = _stream_data(video.sound) if video.sound else {}
    if not (own_facts or video.sounds or fault):
        return json.dumps(None if video.is_sound_known else False)
    unknown = {} if video.is_sound_known else {"is_sound_known": False}
    return json.dumps(
        own_facts | {"sounds": [_stream_data(sound) for sound in video.sounds]} | fault | unknown
    )


def sound_facts(text: str | None) -> dict[str, Any]:
    """The reverse of `sound_text`: `FIELDS` by name, or only `is_sound_known` where there is no sound."""
    facts = json.loads(text) if text else None
    if not facts:
        return {"is_sound_known": facts is not False}
    return {
        "sound": _stream(facts) if "codec" in facts else None,
        "sounds": tuple(map(_stream, facts.get("sounds", ()))),
        "is_sound_known": facts.get("is_sound_known", True),
        "sound_fault": StreamFault(**facts["sound_fault"]) if "sound_fault" in facts else None,
    }


def is_current(text: str | None) -> bool:
    """Whether the text has all facts of this version; otherwise the video has to be probed again."""
    if text is None:
        return False
    facts = json.loads(text)
    return not facts or "sounds" in facts


def _stream_data(sound: AudioStream) -> dict[str, Any]:
    return asdict(sound) | {"time_base": str(sound.time_base)}


def _stream(facts: Mapping[str, Any]) -> AudioStream:
    own_facts = {name: facts[name] for name in _STREAM_FIELDS if name in facts}
    restarts = tuple((packet, ticks) for packet, ticks in facts.get("restarts", ()))
    return AudioStream(**(own_facts | {"time_base": Fraction(facts["time_base"]), "restarts": restarts}))


_STREAM_FIELDS: Final = tuple(AudioStream.__dataclass_fields__)
