"""What the words of other tools mean here: which of a query's kinds a label of a box or of an event is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from schemas.errors import UsageError
from vaengine.importing.document import ImportedEvent

BOX_KINDS: Final = ("person", "face")
EVENT_KINDS: Final = ("person", "face", "scene", "speech", "word", "speaker", "voice", "sound", "behavior")
LEFT_OUT: Final = "none"
_BOXES: Final = {
    **dict.fromkeys(("person", "persons", "people", "pedestrian", "human"), "person"),
    **dict.fromkeys(("face", "faces"), "face"),
}
_EVENTS: Final = {
    **dict.fromkeys(("person", "persons", "presence", "track", "person_track"), "person"),
    "face_identity": "face",
    **dict.fromkeys(("scene", "scenes", "shot", "shots"), "scene"),
    **dict.fromkeys(("speech", "utterance", "utterances", "transcript", "transcription"), "speech"),
    **dict.fromkeys(("word", "words"), "word"),
    **dict.fromkeys(("speaker", "speakers", "speaking", "turn", "turns"), "speaker"),
    **dict.fromkeys(("voice", "voice_activity"), "voice"),
    **dict.fromkeys(("sound", "sounds", "audio_event", "audio"), "sound"),
    **dict.fromkeys(("behavior", "behaviour", "behaviors", "behaviours"), "behavior"),
}
_WORD: Final = re.compile(r"[:@/ -]")


@dataclass(frozen=True, slots=True)
class LabelRules:
    """What people said that labels mean: `given` has a kind, or `none`, for each label in lower case."""

    given: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Iterable[str]) -> LabelRules:
        """From texts such as `dancer=person` and `Tier 1=speech`; raises `UsageError`."""
        given = {}
        for text in texts:
            label, equals, kind = (part.strip() for part in text.rpartition("="))
            known = dict.fromkeys((*BOX_KINDS, *EVENT_KINDS, LEFT_OUT))
            if not equals or not label or kind not in known:
                raise UsageError(f"--label takes LABEL=KIND with one of {', '.join(known)}, not {text!r}")
            given[label.casefold()] = kind
        return cls(given)

    def of_box(self, label: str) -> str | None:
        """`person` or `face`; None for what is neither."""
        folded = label.strip().casefold()
        kind = self.given.get(folded, _BOXES.get(folded))
        if kind is not None and kind not in (*BOX_KINDS, LEFT_OUT):
            raise UsageError(f"boxes of {label!r} cannot be {kind}: a box is a person or a face")
        return None if kind == LEFT_OUT else kind

    def of_event(self, event: ImportedEvent) -> tuple[str, str] | None:
        """The kind of an event and its label; None where it is left out.

        What was given of the label counts first, then of the group or its first word. Otherwise the group
        says the kind, or the label does (`speech`, `sound:laughter`), either may say `face` of a subject, or
        it is a sound that the models know. All else is behavior.
        """
        label, group = event.label.strip(), (event.group or "").strip()
        names = (label, group, _WORD.split(group, maxsplit=1)[0])
        kind = next((self.given[one] for name in names if (one := name.casefold()) in self.given), None)
        if kind == LEFT_OUT:
            return None
        kind = kind or _kind_in(group) or _kind_in(str(event.attributes.get("linguistic_type", "")))
        if kind is None and (kind := _kind_in(label)) is not None:
            label = "".join(_WORD.split(label, maxsplit=1)[1:]).strip() or label
        if kind is None and event.subject and "face" in (label.casefold(), group.casefold()):
            kind = "face"
        if kind is None:
            kind = "sound" if label.casefold() in _sounds() else "behavior"
        return kind, label.casefold() if kind == "sound" else label


def _kind_in(text: str) -> str | None:
    """The kind that a text begins with: `speech@Ana` is speech."""
    folded = text.casefold()
    return _EVENTS.get(folded) or _EVENTS.get(_WORD.split(folded, maxsplit=1)[0])


@cache
def _sounds() -> frozenset[str]:
    """The labels of sounds that the models tell apart."""
    from actors.audio.audio_events import CLASSES_OF_LABEL

    return frozenset(CLASSES_OF_LABEL)
