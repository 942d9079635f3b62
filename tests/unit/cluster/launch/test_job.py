"""The script of `ray submit` becomes the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cluster.launch import job


def test_the_script_becomes_vaengine_with_its_arguments_and_its_exit_code(tmp_path: Path) -> None:
    stub = tmp_path / "vaengine"
    stub.write_text('#!/bin/sh\nprintf "%s|" "$@"\nexit 3\n')
    stub.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, job.__file__, "run", "a clip.mp4", "--cluster", "auto"],
        check=False,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.stdout, ended.returncode) == ("run|a clip.mp4|--cluster|auto|", 3)
