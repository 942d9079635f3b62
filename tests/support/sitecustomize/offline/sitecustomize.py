"""Put this folder on PYTHONPATH and no Python process below can reach beyond its machine: Ray's workers
included.

Every refused attempt is a line in the file that OFFLINE_TEST_ATTEMPTS names. Each process first writes that
its guard stands, so that a test can tell a quiet process from an unguarded one.
"""

import os
import sys
from pathlib import Path

from offline_guard import guarded


def tell(line: str) -> None:
    """One short append, which the system keeps whole even with many writers."""
    if path := os.environ.get("OFFLINE_TEST_ATTEMPTS"):
        with Path(path).open("a", encoding="utf-8") as attempts:
            attempts.write(f"{line} by {os.getpid()} {sys.argv[:2]}\n")


for owner, attribute, replacement in guarded(tell):
    setattr(owner, attribute, replacement)
tell("guard")
