"""Stores measured results as one JSON file per case and time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "results"


def keep(case: str, facts: dict[str, Any], measured: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write a result to a new file; returns its path. Raises `FileExistsError`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{case}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    with path.open("x", encoding="utf-8") as file:
        file.write(
            json.dumps({"case": case, "machine": facts, "measured": measured}, indent=2, ensure_ascii=False)
            + "\n"
        )
    return path


def newest(case: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """The latest result of a case; None without any."""
    return next(_latest_first(case, folder), None)


def newest_of_each(case: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The latest result of a case, and earlier ones with times of what no later one has; latest first.

    A round of few rivals does not hide what is known of the others.
    """
    known: set[str] = set()
    shown: list[dict[str, Any]] = []
    for result in _latest_first(case, folder):
        names = set(result["measured"].get("times", ()))
        if not shown or names - known:
            shown.append(result)
        known |= names
    return shown


def _latest_first(case: str, folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(f"{case}-*.json"), reverse=True):
        yield json.loads(path.read_text(encoding="utf-8"))
