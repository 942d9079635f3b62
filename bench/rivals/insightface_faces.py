"""Faces by InsightFace's own `FaceAnalysis`.

`python -m bench.rivals.insightface_faces N STEP ROOT PACK CLIP...` prints the number of faces in a frame for
every STEP, each with its embedding. N is how many processes there are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from bench.rivals.process_per_core import found_by, tell


def faces_in(root: str, pack: str, step: float, clips: Sequence[str], threads: int) -> dict[str, int]:
    """The number of faces in a frame for every `step` of some clips."""
    import cv2
    from insightface.app import FaceAnalysis

    cv2.setNumThreads(threads)
    app = FaceAnalysis(name=pack, root=root, providers=["CPUExecutionProvider"], **_one_thread(threads))
    app.prepare(ctx_id=-1)
    return {"face_detection": sum(len(app.get(frame)) for clip in clips for frame in _sampled(clip, step))}


def _one_thread(threads: int) -> dict[str, Any]:
    """Options of onnxruntime's sessions: of several processes none may take all cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return {"sess_options": options}


def _sampled(clip: str, step: float) -> Iterator[Any]:
    """A frame for every `step` frames; those between are decoded and not converted."""
    import cv2

    capture, number, due = cv2.VideoCapture(clip), 0, 0.0
    while capture.grab():
        if number >= due:
            due += step
            yield capture.retrieve()[1]
        number += 1


if __name__ == "__main__":
    processes, step, root, pack, *clips = sys.argv[1:]
    tell(found_by(partial(faces_in, root, pack, float(step)), int(processes), clips))
