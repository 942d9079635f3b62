"""Every format by its name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from typing import Final

from schemas.errors import UsageError
from vaengine.exporting.format import Format

MODULES: Final = {  # of formats, in the order in which they are listed
    "csv": "csv_tables",
    "parquet": "parquet_tables",
    "coco": "coco",
    "yolo": "yolo",
    "mot": "mot",
    "webvtt": "webvtt",
    "srt": "srt",
    "rttm": "rttm",
    "boris": "boris",
    "elan": "elan",
    "textgrid": "textgrid",
    "cvat": "cvat",
    "fiftyone": "fiftyone",
    "labelstudio": "labelstudio",
    "dive": "dive",
    "viame": "viame",
    "imagefolder": "imagefolder",
    "audacity": "audacity",
    "videoannotator": "videoannotator",
}
_OTHER_NAMES: Final = {  # what people also call a format
    "vtt": "webvtt",
    "subrip": "srt",
    "eaf": "elan",
    "praat": "textgrid",
    "motchallenge": "mot",
    "ultralytics": "yolo",
    "label-studio": "labelstudio",
    "huggingface": "imagefolder",
    "excel": "csv",
}


def format_named(name: str) -> Format:
    """The format of this name; raises `UsageError` with the nearest name."""
    asked = _OTHER_NAMES.get(name.strip().lower(), name.strip().lower())
    if asked not in MODULES:
        near = difflib.get_close_matches(asked, [*MODULES, *_OTHER_NAMES], 1, 0.6)
        hint = f": did you mean {_OTHER_NAMES.get(near[0], near[0])!r}? There" if near else ": there"
        raise UsageError(f"no format is called {name!r}{hint} are {', '.join(MODULES)}")
    module = importlib.import_module(f"vaengine.exporting.formats.{MODULES[asked]}")
    found: Format = module.FORMAT
    return found


def formats() -> Iterator[Format]:
    """Every format, in the order in which they are listed."""
    return map(format_named, MODULES)
