"""Makes the final rows of scenes and persons of a video from its stored numbers alone.

The rows are the same whenever they are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from actors.finalize.timeline import Timeline, ordinals, scene_ranges
from actors.persons.tracking import NO_TRACK, tracks
from schemas.annotations.annotation import (
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    Annotation,
    BBox,
    annotation_id,
)
from schemas.media.frames import Floats, Ints
from schemas.media.video import Video
from schemas.pipelines import FACE, PERSON, SCENE
from schemas.settings.settings import PersonSettings, SceneSettings, Settings
from schemas.work.chunk import WorkKey
from schemas.work.manifest import FrameNumbers

MIN_JUMP_FRAMES: Final = 5  # From one jump to the next.
VISIBLE_SCORE: Final = 0.5
LABELLED_SCORE: Final = 0.1


def associate(
    video: Video, numbers: FrameNumbers, settings: Settings, key: WorkKey
) -> tuple[Annotation, ...]:
    """Every final row of one pipeline of one video, from the joined numbers of all its chunks.

    `scene_detection`: a row per scene. `person_tracking`: a row per box, then a row per track with the mean
    confidence of its boxes and no box of its own; no track crosses a cut. Attributes `frame_start`,
    `frame_end` are frame numbers [start, end). Raises ValueError for another pipeline.
    """
    timeline = Timeline.of(video, numbers)
    if key.pipeline == SCENE:
        return tuple(
            _scene_rows(timeline, scene_ranges(_cuts(video, numbers, settings.scene), timeline.n_frames), key)
        )
    if key.pipeline != PERSON:
        raise ValueError(f"no association for {key.pipeline}")
    scenes = None
    if settings.person.reset_at_cuts:
        scenes = scene_ranges(_cuts(video, numbers, settings.scene), timeline.n_frames)
    resets = track_resets(video, numbers, settings)
    sample_fps = min(settings.person.sample_fps, float(video.nominal_fps))
    return _person_rows(timeline, numbers, tracks(numbers, resets, settings.person, sample_fps), scenes, key)


def track_resets(video: Video, numbers: FrameNumbers, settings: Settings) -> list[int]:
    """Frames at which every track ends: cuts, and jumps that begin no scene.

    Empty where `person.reset_at_cuts` is off.
    """
    if not settings.person.reset_at_cuts:
        return []
    return sorted({*_cuts(video, numbers, settings.scene), *_jumps(video, numbers, settings.person)})


def _jumps(video: Video, numbers: FrameNumbers, person: PersonSettings) -> list[int]:
    """Frames at which the picture changes at once, but not enough to begin a scene.

    An example is a change between two people before one wall. A tracker follows boxes and takes the second
    person for the first. A track that ends without need is the smaller error.
    """
    sharp = SceneSettings(
        detector="adaptive",
        adaptive_threshold=person.jump_ratio,
        min_content=person.jump_content,
        min_scene_frames=MIN_JUMP_FRAMES,
    )
    return _cuts(video, numbers, sharp)


def _cuts(video: Video, numbers: FrameNumbers, scene: SceneSettings) -> list[int]:
    from actors.vision.scene_scores import cuts  # PySceneDetect runs ffmpeg when it is imported

    return cuts(
        # Stored scores compare with the next frame, these with the frame before.
        np.concatenate([np.zeros(1), numbers.scene_scores[:-1]])[: len(numbers.scene_scores)],
        numbers.frame_numbers,
        numbers.frame_pts,
        time_base=video.time_base,
        fps=video.nominal_fps,
        settings=scene,
    )


def provisional(numbers: FrameNumbers, key: WorkKey, video: Video) -> tuple[Annotation, ...]:
    """Rows of the boxes of one chunk, before there are tracks, scenes and identities.

    The final rows have the same annotation ids.
    """
    if key.pipeline == FACE:
        from actors.finalize.face_rows import face_rows

        return tuple(face_rows(Timeline.of(video, numbers), numbers, key))
    return tuple(_box_rows(Timeline.of(video, numbers), numbers, key))


def _scene_rows(timeline: Timeline, scenes: list[tuple[int, int]], key: WorkKey) -> Iterator[Annotation]:
    for number, (first, stop) in enumerate(scenes):
        start_s, end_s = timeline.start_s(first), timeline.start_s(stop)
        yield Annotation(
            annotation_id=annotation_id(key.video_id, key.pipeline, key.config_hash, SCENE_TYPE, first, 0),
            video_id=key.video_id,
            pipeline=key.pipeline,
            config_hash=key.config_hash,
            annotation_type=SCENE_TYPE,
            timestamp_seconds=start_s,
            end_seconds=end_s,
            frame_number=first,
            scene_id=_scene_id(number),
            attributes={"frame_start": first, "frame_end": stop, "duration_seconds": end_s - start_s},
        )


def _person_rows(
    timeline: Timeline,
    numbers: FrameNumbers,
    track_of: Ints,
    scenes: list[tuple[int, int]] | None,
    key: WorkKey,
) -> tuple[Annotation, ...]:
    scene_of = (
        None
        if scenes is None
        else np.searchsorted([first for first, _ in scenes], numbers.box_frames, side="right") - 1
    )
    boxes = tuple(_box_rows(timeline, numbers, key, track_of, scene_of))
    return boxes + tuple(_track_rows(timeline, boxes, track_of, key))


def _box_rows(
    timeline: Timeline,
    numbers: FrameNumbers,
    key: WorkKey,
    track_of: Ints | None = None,
    scene_of: Ints | None = None,
) -> Iterator[Annotation]:
    corners, confidence = numbers.xyxy.tolist(), numbers.confidence.tolist()
    for index, (frame, ordinal) in enumerate(ordinals(numbers.box_frames)):
        left, top, right, bottom = corners[index]
        yield Annotation(
            annotation_id=annotation_id(
                key.video_id, key.pipeline, key.config_hash, PERSON_DETECTION, frame, ordinal
            ),
            video_id=key.video_id,
            pipeline=key.pipeline,
            config_hash=key.config_hash,
            annotation_type=PERSON_DETECTION,
            timestamp_seconds=timeline.start_s(frame),
            frame_number=frame,
            person_id=None if track_of is None else _person_id(int(track_of[index])),
            scene_id=None if scene_of is None else _scene_id(int(scene_of[index])),
            confidence=confidence[index],
            bbox=BBox(left, top, right - left, bottom - top),
            attributes=pose(numbers.keypoints[index]) if numbers.keypoints.size else {},
        )


def pose(points: Floats) -> Mapping[str, Any]:
    """Key points K x 3 (x, y, score) in the form of COCO.

    `keypoints` holds x, y, visibility one after the other, `num_keypoints` the number of labelled ones.
    Visibility is 2 where the score is at least `VISIBLE_SCORE`, 1 (labelled, not visible) at least
    `LABELLED_SCORE`, else 0 with x and y 0, as the format requires. `keypoint_scores`, not part of COCO,
    are the model's own. Source: cocodataset.org, "Data format", 2.
    """
    visibility = np.select([points[:, 2] >= VISIBLE_SCORE, points[:, 2] >= LABELLED_SCORE], [2, 1], 0)
    flat = [
        number
        for (x, y, _), visible in zip(points.tolist(), visibility.tolist(), strict=True)
        for number in ((x, y, visible) if visible else (0.0, 0.0, 0))
    ]
    return {
        "keypoints": flat,
        "num_keypoints": int((visibility > 0).sum()),
        "keypoint_scores": points[:, 2].tolist(),
    }


def _track_rows(
    timeline: Timeline, boxes: tuple[Annotation, ...], track_of: Ints, key: WorkKey
) -> Iterator[Annotation]:
    members = [
        [boxes[index] for index in np.flatnonzero(track_of == number)]
        for number in range(1, int(track_of.max(initial=0)) + 1)
    ]
    for own, (first, ordinal) in zip(
        members, ordinals(np.array([own[0].frame_number for own in members], np.int64)), strict=True
    ):
        last = own[-1].frame_number or 0
        yield Annotation(
            annotation_id=annotation_id(
                key.video_id, key.pipeline, key.config_hash, PERSON_TRACK, first, ordinal
            ),
            video_id=key.video_id,
            pipeline=key.pipeline,
            config_hash=key.config_hash,
            annotation_type=PERSON_TRACK,
            timestamp_seconds=timeline.start_s(first),
            end_seconds=timeline.start_s(last + 1),
            frame_number=first,
            person_id=own[0].person_id,
            scene_id=own[0].scene_id,
            confidence=float(np.mean([box.confidence for box in own])),
            attributes={"boxes": len(own), "frame_start": first, "frame_end": last + 1},
        )


def _scene_id(number: int) -> str:
    return f"scene_{number + 1:04d}"


def _person_id(track: int) -> str | None:
    return None if track == NO_TRACK else f"person_{track:04d}"
