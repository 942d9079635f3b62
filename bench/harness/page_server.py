"""A server over a results folder, for a browser of the benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

TOKEN: Final = "a-token-of-the-benchmark"


@contextmanager
def page_server(results: Path, cache: Path) -> Iterator[str]:
    """The address of a server, started anew: nothing is in its memory, and it keeps files in `cache`."""
    environment = {**os.environ, "VAENGINE_TOKEN": TOKEN, "XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-m", "vaengine", "serve", "--out", str(results), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().partition("/?")[0]
    finally:
        process.terminate()
        process.wait()
