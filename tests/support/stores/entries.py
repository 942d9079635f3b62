"""Made-up entries of a collection in memory, for whatever makes figures of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from vaengine.server.collection.entry import PipelineState, VideoEntry

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def video_entry(
    name: str = "a", annotations: int = 60, duration_s: float = 60.0, **changes: Any
) -> VideoEntry:
    """A video of 60 annotations, whose persons were done at noon."""
    end = changes.pop("end", NOON)
    state = PipelineState(
        *("completed", changes.pop("config_hash", "c1"), "job", annotations, 30.0),
        *(end - timedelta(seconds=120), end, None, None, None, "fast", "yolo11n.pt"),
    )
    facts = (f"/clips/{name}.mp4", f"{name}.mp4", duration_s, 640, 360, 1000, "h264", "completed")
    entry = VideoEntry(
        *(name, *facts, {"person_tracking": state}, annotations, "job", "batch"),
        *(end - timedelta(seconds=130), end - timedelta(seconds=120), end, 0, None, None),
    )
    return replace(entry, **changes)
