"""Scores each native picture for scene cuts, and finds cuts in stored scores with PySceneDetect."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import cv2
from scenedetect.common import FrameTimecode, Interpolation, Timecode
from scenedetect.detectors import AdaptiveDetector, ContentDetector
from scenedetect.scene_manager import compute_downscale_factor

from schemas.media.frames import Floats, Ints, Pixels
from schemas.settings.settings import SceneSettings

INTERPOLATION: Final = Interpolation.LINEAR.value  # SceneManager's default for resizing.
UNTIMED: Final = FrameTimecode(0, 1.0)  # The score itself does not use the time.


class ContentScorer:
    """PySceneDetect's `content_val` of consecutive native pictures.

    `score` takes H x W x 3 uint8 BGR in presentation order, all of one size and not turned by the rotation
    in the metadata, and returns the mean HSV difference from the picture before, 0.0 for the first. A chunk
    that is fed the frame before it first, and discards that score, gets the very numbers of a sequential
    run. Source: scenedetect 0.7, `ContentDetector` and `SceneManager`'s automatic downscale.
    """

    def __init__(
        self, weights: ContentDetector.Components = ContentDetector.DEFAULT_COMPONENT_WEIGHTS
    ) -> None:
        self._detector = ContentDetector(weights=weights)

    def score(self, picture: Pixels) -> float:
        return float(self._detector._calculate_frame_score(UNTIMED, downscaled(picture)))


def downscaled(picture: Pixels) -> Pixels:
    """The picture as SceneManager passes it to its detectors.

    Its longer side has 256 pixels, or fewer where the picture is smaller.
    """
    factor = compute_downscale_factor(max(picture.shape[:2]))
    if factor <= 1.0:
        return picture
    height, width = (max(1, round(side / factor)) for side in picture.shape[:2])
    smaller: Pixels = cv2.resize(picture, (width, height), interpolation=INTERPOLATION)
    return smaller


def cuts(
    scores: Floats,
    frame_numbers: Ints,
    frame_pts: Ints,
    *,
    time_base: Fraction,
    fps: Fraction,
    settings: SceneSettings,
) -> list[int]:
    """Numbers of the frames that begin a scene, except the video's first, ascending.

    One score, number and pts (units of `time_base`) per decoded frame. `fps` is the stream's nominal rate:
    PySceneDetect counts `min_scene_frames` in it, also where the rate varies. Thresholds, merging of short
    scenes and the adaptive window are the library's own code.
    """
    detector = _replaying_detector(settings)
    number_of = dict(zip(frame_pts.tolist(), frame_numbers.tolist(), strict=True))
    cut_frames: set[int] = set()
    for pts, score in zip(frame_pts.tolist(), scores.tolist(), strict=True):
        position = FrameTimecode(Timecode(pts, time_base), fps)
        cut_frames.update(number_of[cut.pts] for cut in detector.process_frame(position, score))
    return sorted(cut_frames)


class _Replay:
    """Returns a stored score in place of the score of a picture."""

    def _calculate_frame_score(self, timecode: FrameTimecode, frame_img: Any) -> float:
        return float(frame_img)


class _ReplayedContent(_Replay, ContentDetector):  # type: ignore[misc]  # the library ships no types
    pass


class _ReplayedAdaptive(_Replay, AdaptiveDetector):  # type: ignore[misc]
    pass


def _replaying_detector(settings: SceneSettings) -> ContentDetector:
    if settings.detector == "content":
        return _ReplayedContent(threshold=settings.threshold, min_scene_len=settings.min_scene_frames)
    return _ReplayedAdaptive(
        adaptive_threshold=settings.adaptive_threshold,
        min_scene_len=settings.min_scene_frames,
        window_width=settings.window,
        min_content_val=settings.min_content,
    )
