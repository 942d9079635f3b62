"""Writes the progress of a batch as JSON, or as CSV with a line for the batch and for each pipeline."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, Final

from actors.atomic_files import write_atomic
from schemas.errors import UsageError
from schemas.work.batch_progress import BatchProgress, PipelineCounts

FORMAT: Final = "vaengine-progress"
SUFFIXES: Final = (".json", ".csv")
_BATCH: Final = (
    "batch_id",
    "state",
    "taken_at",
    "started_at",
    "ended_at",
    "eta_at",
    "duration_s",
    "more_expected",
)
COLUMNS: Final = (*_BATCH, "pipeline", *PipelineCounts().to_dict())


def write_export(progress: BatchProgress, path: Path, *, overwrite: bool) -> Path:
    """Write progress in the format of the path's suffix; returns the path.

    Raises `UsageError` for another suffix, or if a file with other content is there.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path} cannot be written: progress is exported as {' or '.join(SUFFIXES)}")
    if not overwrite and path.exists() and not is_export(path):
        raise UsageError(
            f"{path} is there and is no export of progress: give another name, or overwrite=True"
        )
    write_atomic(path, (_csv(progress) if path.suffix.lower() == ".csv" else _json(progress)).encode())
    return path


def is_export(path: Path) -> bool:
    """Whether a file was written by `write_export`."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".csv":
            return text.partition("\n")[0].rstrip("\r") == ",".join(COLUMNS)
        content = json.loads(text)
    except (OSError, ValueError):  # a folder, a file without permission, no text, no JSON
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def _json(progress: BatchProgress) -> str:
    return json.dumps({"format": FORMAT, **progress.to_dict()}, indent=2) + "\n"


def _csv(progress: BatchProgress) -> str:
    """The progress as CSV. Unknown values are empty, as is the pipeline in the line about whole jobs."""
    data = progress.to_dict()
    batch = {name: data[name] for name in _BATCH}
    lines: list[dict[str, Any]] = [{**batch, "pipeline": "", **data["jobs"]}]
    lines += [{**batch, "pipeline": name, **counts} for name, counts in data["pipelines"].items()]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
