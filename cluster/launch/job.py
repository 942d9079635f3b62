"""What `ray submit` runs on the head of a cluster: `vaengine` with the arguments that follow this file."""

from __future__ import annotations

import os
import sys


def main(arguments: list[str]) -> None:
    """Become `vaengine ARGUMENTS`, so that signals and the exit code are those of the run."""
    os.execvp("vaengine", ["vaengine", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
