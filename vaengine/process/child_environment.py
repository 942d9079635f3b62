"""The environment variables of child processes that run our own code."""

from __future__ import annotations

import os
import site
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    """The environment of a child process.

    The child and its workers find the code that runs here, and matplotlib does not draw into a notebook.
    """
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    if str(ROOT) in site.getsitepackages():
        return kept
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH")]))}
