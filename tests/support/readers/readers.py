"""Asks readers of others, in their own environment, what they find in an exported folder."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[3]
PYTHON = CHECKOUT / ".venv-readers/bin/python"
SCRIPT = Path(__file__).with_name("open_export.py")
PATIENCE_S = 400.0


def read_by(reader: str, folder: Path) -> Any:
    """What a reader found; raises AssertionError with its words where it refused the folder."""
    assert PYTHON.exists(), "the readers' environment is missing: make readers"
    done = subprocess.run(
        [str(PYTHON), str(SCRIPT), reader, str(folder)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
