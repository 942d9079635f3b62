"""What is known of the sound of a video, as the JSON text in column `sound` of table `videos`, and back.

The facts of the track that is listened to stand on the outside, all tracks below `sounds`, and why it cannot
be used beside them. `null` is a video without sound, `false` one whose sound nobody looked for. NULL, and
facts without `sounds`, were written by a version that knew less: such a video has to be looked into again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any, Final

from schemas.media.audio import AudioStream
from schemas.media.video import StreamFault, Video

FIELDS: Final = frozenset(
    {"sound", "sounds", "is_sound_known", "sound_fault"}
)  # of a video, that the text holds


def sound_text(video: Video) -> str:
    """The text of a video."""
    fault = {"sound_fault": asdict(video.sound_fault)} if video.sound_fault else {}
    own = _plain(video.sound) if video.sound else {}
    if not (own or video.sounds or fault):
        return json.dumps(None if video.is_sound_known else False)
    unknown = {} if video.is_sound_known else {"is_sound_known": False}
    return json.dumps(own | {"sounds": [_plain(sound) for sound in video.sounds]} | fault | unknown)


def sound_facts(text: str | None) -> dict[str, Any]:
    """The reverse: `FIELDS` by name; of nothing where the text is missing."""
    found = json.loads(text) if text else None
    if not found:
        return {"is_sound_known": found is not False}
    return {
        "sound": _sound(found) if "codec" in found else None,
        "sounds": tuple(map(_sound, found.get("sounds", ()))),
        "is_sound_known": found.get("is_sound_known", True),
        "sound_fault": StreamFault(**found["sound_fault"]) if "sound_fault" in found else None,
    }


def is_current(text: str | None) -> bool:
    """Whether this version needs to know no more than the text tells."""
    if text is None:
        return False
    found = json.loads(text)
    return not found or "sounds" in found


def _plain(sound: AudioStream) -> dict[str, Any]:
    return asdict(sound) | {"time_base": str(sound.time_base)}


def _sound(found: Mapping[str, Any]) -> AudioStream:
    own = {name: found[name] for name in _SOUND if name in found}
    restarts = tuple((packet, ticks) for packet, ticks in found.get("restarts", ()))
    return AudioStream(**(own | {"time_base": Fraction(found["time_base"]), "restarts": restarts}))


_SOUND: Final = tuple(AudioStream.__dataclass_fields__)
