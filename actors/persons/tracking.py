"""Tracks persons from stored boxes with ultralytics' ByteTrack or BoT-SORT, one tracker for each scene.

No picture is used.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.media.frames import Floats, Floats32, Ints
from schemas.settings.settings import PersonSettings
from schemas.work.manifest import FrameNumbers

NO_TRACK = 0
# Embeddings count only for boxes that overlap the predicted box by this; ultralytics' values for BoT-SORT.
REID_MIN_IOU = 0.5
REID_MIN_SIMILARITY = 0.8


def quiet_ultralytics() -> None:
    """Imports ultralytics without network access, installations or changes to the user's files.

    On import it resolves two public host names to see whether it is online (what its usage statistics,
    update and crash reports hang on), and writes a settings file with a machine id. YOLO_OFFLINE ends the
    first. The second goes to a folder that is gone when this returns, since a killed worker could not clear
    it away later. Does nothing where ultralytics is imported already.
    """
    if "ultralytics" in sys.modules:
        return
    with tempfile.TemporaryDirectory(prefix="vaengine-ultralytics-") as folder:
        os.environ.update(
            YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false", YOLO_CONFIG_DIR=folder
        )
        importlib.import_module("ultralytics")


def warm_up() -> None:
    """Imports the tracker's library ahead of need.

    The import takes two seconds that would otherwise come at the end of a run.
    """
    quiet_ultralytics()
    importlib.import_module("ultralytics.trackers.bot_sort")


def tracks(numbers: FrameNumbers, cuts: Sequence[int], settings: PersonSettings, sample_fps: float) -> Ints:
    """The track of each box, numbered from 1 by first appearance; 0 for a box that belongs to none.

    `cuts` are frame numbers that begin a scene: no track crosses them. `sample_fps` is the rate at which
    frames were really sampled, in which a lost track's memory is counted. Every sampled frame is an update,
    with boxes or without. A track that ByteTrack confirms at its second box keeps its first one too.
    Sources: Zhang et al., ByteTrack, ECCV 2022, and Aharon et al., BoT-SORT, 2022 (without its compensation
    of camera motion), as in ultralytics.
    """
    raw = np.full(len(numbers.box_frames), NO_TRACK, np.int64)
    last_id = 0
    with_embeddings = settings.reid and numbers.embeddings.size > 0
    for scene in _scenes(numbers.sampled, cuts):
        of_box = _tracked(
            _frames(numbers, scene), _tracker(settings, sample_fps, with_embeddings=with_embeddings)
        )
        for box, track_id in of_box.items():
            raw[box] = last_id + track_id
        last_id = int(raw.max(initial=last_id))
    return _renumbered(raw)


@dataclass(frozen=True, slots=True)
class _Boxes:
    """Detections in the form that a tracker reads; they can be indexed by a mask.

    `xywh` N x 4 are centre and size, `conf` and `cls` N, `feats` N x D.
    """

    xywh: Floats
    conf: Floats
    cls: Floats
    feats: Floats32

    def __len__(self) -> int:
        return len(self.conf)

    def __getitem__(self, mask: npt.NDArray[np.bool_]) -> _Boxes:
        return _Boxes(self.xywh[mask], self.conf[mask], self.cls[mask], self.feats[mask])


def _tracker(settings: PersonSettings, sample_fps: float, *, with_embeddings: bool) -> Any:
    quiet_ultralytics()
    from ultralytics.trackers.bot_sort import BOTSORT
    from ultralytics.trackers.byte_tracker import BYTETracker

    kind = {"bytetrack": BYTETracker, "botsort": BOTSORT}[settings.tracker]
    return kind(
        SimpleNamespace(
            track_high_thresh=settings.track_high,
            track_low_thresh=settings.track_low,
            new_track_thresh=settings.track_new,
            match_thresh=settings.track_match,
            track_buffer=round(settings.track_buffer_seconds * sample_fps),
            fuse_score=True,
            gmc_method="none",  # camera motion is estimated from pictures, and there are none here
            proximity_thresh=REID_MIN_IOU,
            appearance_thresh=REID_MIN_SIMILARITY,
            with_reid=with_embeddings,
            model="auto",  # embeddings are handed in
            device="cpu",
        )
    )


def _scenes(sampled: Ints, cuts: Sequence[int]) -> Iterator[Ints]:
    """Yields the sampled frame numbers of each scene that has any."""
    borders = np.searchsorted(sampled, sorted(cuts))
    yield from (scene for scene in np.split(sampled, borders) if len(scene))


def _frames(numbers: FrameNumbers, scene: Ints) -> Iterator[tuple[int, _Boxes]]:
    """Yields the index of the first box and the boxes of each sampled frame of a scene."""
    firsts, stops = (np.searchsorted(numbers.box_frames, scene, side) for side in ("left", "right"))
    for first, stop in zip(firsts.tolist(), stops.tolist(), strict=True):
        corners = numbers.xyxy[first:stop]
        centre, size = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
        embeddings = (
            numbers.embeddings[first:stop]
            if numbers.embeddings.size
            else np.zeros((stop - first, 0), np.float32)
        )
        yield (
            first,
            _Boxes(
                np.hstack([centre, size]), numbers.confidence[first:stop], np.zeros(stop - first), embeddings
            ),
        )


def _tracked(frames: Iterator[tuple[int, _Boxes]], tracker: Any) -> dict[int, int]:
    """The track id of each box that one tracker, fed frame by frame, gave to a confirmed track."""
    of_box: dict[int, int] = {}
    confirmed: set[int] = set()
    for first, boxes in frames:
        tracker.update(boxes, feats=boxes.feats if boxes.feats.size else None)
        for track in tracker.tracked_stracks:
            if track.frame_id == tracker.frame_id:
                of_box[first + int(track.idx)] = track.track_id
            if track.is_activated:
                confirmed.add(track.track_id)
    return {box: track_id for box, track_id in of_box.items() if track_id in confirmed}


def _renumbered(raw: Ints) -> Ints:
    """Track ids as numbers from 1 by first appearance."""
    appeared = list(dict.fromkeys(raw[raw != NO_TRACK].tolist()))
    number = {track_id: ordinal for ordinal, track_id in enumerate(appeared, start=1)}
    return np.array([number.get(track_id, NO_TRACK) for track_id in raw.tolist()], np.int64)
