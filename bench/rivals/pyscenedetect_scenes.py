"""Scenes by PySceneDetect.

`python -m bench.rivals.pyscenedetect_scenes N HOW CLIP...` prints the number of scenes. N is how many
processes there are. HOW is `library`, its `detect` in a loop, or `command`, its own command for each clip.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.rivals.process_per_core import found_by, tell


def scenes_in(clips: Sequence[str], threads: int) -> dict[str, int]:
    """The number of scenes of some clips, by the library's own function."""
    import cv2
    from scenedetect import ContentDetector, detect

    cv2.setNumThreads(threads)
    return {"scene": sum(len(detect(clip, ContentDetector(), start_in_scene=True)) for clip in clips)}


def scenes_by_command(processes: int, clips: Sequence[str]) -> dict[str, int]:
    """The number of scenes of some clips, each by the library's command; so many run at once."""
    with ThreadPoolExecutor(processes) as pool:
        return {"scene": sum(pool.map(_by_command, clips))}


def _by_command(clip: str) -> int:
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as folder:
        program = str(Path(sys.executable).with_name("scenedetect"))
        options = ["--quiet", "--input", clip, "--output", folder]
        listed = ["list-scenes", "--quiet", "--skip-cuts"]
        subprocess.run([program, *options, "detect-content", *listed], check=True, stdout=subprocess.DEVNULL)
        (table,) = Path(folder).glob("*.csv")
        return len(table.read_text(encoding="utf-8").splitlines()) - 1  # its first line has the titles


if __name__ == "__main__":
    processes, how, *clips = sys.argv[1:]
    by_command = how == "command"
    tell(
        scenes_by_command(int(processes), clips) if by_command else found_by(scenes_in, int(processes), clips)
    )
