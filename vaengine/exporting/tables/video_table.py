"""A table with a row for each video of an export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.source import Source

COLUMNS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("video_id", "video_file", "video_path", "fingerprint"), "string"),
    **dict.fromkeys(("width", "height", "rotation", "frame_count"), "int64"),
    **dict.fromkeys(("fps", "duration_seconds"), "float64"),
    **dict.fromkeys(("has_variable_frame_rate", "has_sound"), "bool"),
    "results": "string",
}
_VALUES: Final[Mapping[str, Callable[[ExportedVideo], Any]]] = {
    "video_file": lambda own: own.file_name,
    "video_path": lambda own: own.video.path,
    "fps": lambda own: own.fps,
    "duration_seconds": lambda own: own.video.duration_s,
    "has_variable_frame_rate": lambda own: own.is_variable,
    "has_sound": lambda own: own.video.sound is not None,
    "results": lambda own: " ".join(sorted(own.keys)),
}


def video_rows(source: Source) -> Iterator[dict[str, Any]]:
    """The facts of each video; `results` are its complete pipelines."""
    for own in source.videos():
        yield {name: _VALUES[name](own) if name in _VALUES else getattr(own.video, name) for name in COLUMNS}
