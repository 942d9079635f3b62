"""Boxes as columns: what a page draws of them is what a rendered video shows."""

import numpy as np
import pytest

from vaengine.results.vision import Scene
from vaengine.server.media.boxes import BoxColumns, box_columns
from vaengine.timeline.presence import Presence, Sighting

FPS = 25.0
TIMES = np.arange(100) / FPS
NONE = Presence([], sample_fps=5.0)


def _presence(*frames: int, person: str | None = "person_0001") -> Presence:
    sightings = [
        Sighting(frame, frame / FPS, person, (frame, 0.0, frame + 10.0, 20.0), 0.5) for frame in frames
    ]
    return Presence(sightings, [Scene("scene_0001", 0.0, 4.0, 0, 100)], 5.0)


def _seen(columns: BoxColumns, frame: int) -> list[list[float]]:
    """As `seen` in boxes.js."""
    found = []
    for position, own in enumerate(columns.frame):
        following = columns.next[position]
        if own > frame:
            continue
        stays = TIMES[frame] < columns.until_s[position]
        if own == frame or (frame < columns.frame[following] if following >= 0 else stays):
            share = 0.0
            if own != frame and following >= 0:
                share = (TIMES[frame] - columns.time_s[position]) / (
                    columns.time_s[following] - columns.time_s[position]
                )
            after = columns.box[following] if following >= 0 else columns.box[position]
            found.append([a + (b - a) * share for a, b in zip(columns.box[position], after, strict=True)])
    return found


@pytest.mark.parametrize(("first", "stop"), [(0, 100), (0, 17), (17, 40), (33, 34), (90, 100)])
def test_every_frame_of_a_page_shows_what_a_rendered_video_shows(first: int, stop: int) -> None:
    presence = _presence(5, 10, 15, 40, 45)
    columns = box_columns(presence, NONE, TIMES, 4.0, first, stop)
    for frame in range(first, stop):
        expected = [
            [left, top, right - left, bottom - top]
            for left, top, right, bottom in (one.xyxy for one in presence.at(frame, TIMES[frame]))
        ]
        assert np.allclose(_seen(columns, frame), expected), frame


def test_boxes_of_nobody_have_no_label_and_lead_nowhere() -> None:
    columns = box_columns(_presence(5, 6, person=None), NONE, TIMES, 4.0, 0, 100)
    assert (columns.label, columns.next, columns.labels) == ([-1, -1], [-1, -1], [])


def test_frames_beyond_the_video_have_no_boxes() -> None:
    assert box_columns(_presence(5), NONE, TIMES, 4.0, 200, 300).frame == []
