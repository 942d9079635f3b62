"""What happens in a training, appended to a file for whoever follows it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

BATCH_SECONDS: Final = 2.0  # between two events about batches


@dataclass(slots=True)
class TrainingEvents:
    """Appends events to a file, a JSON object a line."""

    path: Path
    _last_s: float = field(default=float("-inf"))

    def tell(self, name: str, **values: object) -> None:
        """Append an event."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": name, **values}) + "\n")

    def tell_sometimes(self, name: str, **values: object) -> None:
        """Append an event, unless one was appended in this way a moment ago."""
        if time.monotonic() - self._last_s >= BATCH_SECONDS:
            self._last_s = time.monotonic()
            self.tell(name, **values)
