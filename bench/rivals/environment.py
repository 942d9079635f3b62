"""The environment of rivals that the engine's own lacks: `make rivals` makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PYTHON: Final = Path(__file__).parents[2] / ".venv-rivals/bin/python"


def rivals_python() -> str | None:
    """Its Python; None where it has not been made."""
    return str(PYTHON) if PYTHON.is_file() else None
