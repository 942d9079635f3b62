"""Stores measured results as one JSON file per case and time."""

from __future__ import annotations

import json
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
    paths = sorted(folder.glob(f"{case}-*.json"))
    result: dict[str, Any] | None = json.loads(paths[-1].read_text(encoding="utf-8")) if paths else None
    return result
