"""Faces, subtitles and sound in rendered pictures; what has none of them looks as it always did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.annotations.annotation import FACE_DETECTION, Annotation
from schemas.annotations.subtitles import Cue
from tests.support.stores.fake_rows import LANDMARKS, Rows
from vaengine.rendering.face_overlay import FaceOverlay, label
from vaengine.rendering.frame_composer import FrameComposer, SceneContent
from vaengine.rendering.strip_layout import StripLayout
from vaengine.rendering.subtitles import WIDTH_SHARE, Subtitles
from vaengine.timeline.audio import EVENT_ROWS, AudioCaption, AudioTimeline
from vaengine.timeline.lanes import Bar, Track
from vaengine.timeline.palette import bgr, colour_of, tone_of
from vaengine.timeline.presence import Presence, Sighting

WIDTH, HEIGHT = 320, 240
ROWS = Rows()
TALK = ROWS.conversation()

texts = st.text(st.sampled_from("abcé Ω漢-w"), min_size=1, max_size=84).filter(str.strip)


def grey(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def changed(rows: list[Annotation], frame: int = 0, time_s: float = 0.0, **options: bool) -> np.ndarray:
    """Which pixels of a grey picture are drawn upon, H x W bool."""
    sheet = FrameComposer(SceneContent.of_rows(WIDTH, HEIGHT, rows, 5, 5), 0.0, 10.0, **options)
    return (sheet.draw(grey(), frame, time_s)[:HEIGHT] != 90).any(axis=2)


def strip(rows: list[Annotation], time_s: float = 9.9) -> np.ndarray:
    """The timeline below a picture."""
    sheet = FrameComposer(SceneContent.of_rows(WIDTH, HEIGHT, rows, 5, 5), 0.0, 10.0)
    return sheet.draw(grey(), 0, time_s)[HEIGHT:].copy()


# Faces.


def test_a_face_moves_in_a_straight_line_between_two_that_were_detected_and_its_landmarks_with_it() -> None:
    presence = Presence.of([ROWS.face(0, x=10.0), ROWS.face(10, x=30.0)], 5, kind=FACE_DETECTION)
    (between,) = presence.at(5, 0.2)
    assert (between.identity, between.xyxy, between.is_detected) == (
        "face_0001",
        (20.0, 20.0, 60.0, 70.0),
        False,
    )
    assert between.keypoints is not None
    assert between.keypoints[:, :2].tolist() == [[x + 10, y] for x, y in LANDMARKS]


def test_faces_are_no_persons_and_persons_no_faces() -> None:
    rows = [ROWS.face(0, person="person_0001")]
    assert Presence.of(rows).at(0, 0.0) == []
    assert [one.linked for one in Presence.of(rows, kind=FACE_DETECTION).at(0, 0.0)] == ["person_0001"]


def test_a_face_is_a_thin_box_with_dots_at_its_landmarks_and_a_label_below() -> None:
    bare, named = changed([ROWS.face(0)], with_labels=False), changed([ROWS.face(0)])
    assert bare[20, 10:50].all()
    assert all(bare[int(y), int(x)] for x, y in LANDMARKS)
    assert not bare[24:28, 14:46].any()
    below = named & ~bare
    assert below.any()
    assert below.nonzero()[0].min() >= 70 - 1
    assert not changed([ROWS.face(0)], frame=50, time_s=2.0).any()


@pytest.mark.parametrize(
    ("face", "person", "text"),
    [
        ("face_0003", "person_0012", "F3 P12"),
        ("Anna", "Anna", "Anna"),
        ("face_0003", None, "F3"),
        (None, "person_0001", "face P1"),
        (None, None, "face"),
    ],
)
def test_a_label_names_the_face_and_whose_it_is(face: str | None, person: str | None, text: str) -> None:
    assert label(Sighting(0, 0.0, face, (0, 0, 9, 9), linked=person)) == text


def test_a_face_without_landmarks_or_label_is_a_box_in_nobodys_colour() -> None:
    picture = grey()
    FaceOverlay(WIDTH, HEIGHT).draw(picture, [Sighting(0, 0.0, None, (10, 10, 60, 60))])
    assert (picture[10, 20] == bgr(colour_of(None))).all()
    assert not (picture[12:59, 12:59] != 90).any()


def test_a_face_that_nothing_tells_from_others_can_be_seen_on_any_wall_and_says_that_it_is_a_face() -> None:
    for wall in (0, 90, 168, 255):
        picture = np.full((HEIGHT, WIDTH, 3), wall, np.uint8)
        FaceOverlay(WIDTH, HEIGHT, with_labels=False).draw(
            picture, [Sighting(0, 0.0, None, (10, 10, 60, 60))]
        )
        across = picture[30, 5:15, 0].astype(int)
        assert np.abs(across - wall).max() > 70
        assert across.max() - across.min() > 100, "light and dark beside each other"
    assert label(Sighting(0, 0.0, None, (0, 0, 9, 9), 0.87)) == "face 0.87"
    assert changed([ROWS.face(0, None)]).sum() > changed([ROWS.face(0, None)], with_labels=False).sum()


def test_a_face_without_an_identity_has_the_colour_of_its_person() -> None:
    picture = grey()
    FaceOverlay(WIDTH, HEIGHT).draw(picture, [Sighting(0, 0.0, None, (10, 10, 60, 60), linked="person_0003")])
    assert (picture[10, 20] == bgr(colour_of("person_0003"))).all()


# Subtitles.


def test_what_is_said_is_written_low_in_the_picture_while_it_is_said_and_not_otherwise() -> None:
    there = changed(TALK, time_s=1.0)
    assert there.nonzero()[0].min() > 0.75 * HEIGHT
    assert not there[:, 0].any()
    assert not changed(TALK, time_s=2.5).any()
    assert not changed(TALK, time_s=1.0, with_subtitles=False).any()


def test_the_same_words_are_the_same_pixels_and_a_speakers_name_has_the_speakers_colour() -> None:
    pictures = [grey(), grey(), grey()]
    for picture, speaker in zip(pictures, ("speaker_0002", "speaker_0002", None), strict=True):
        Subtitles.of([ROWS.speech("Grüß Gott", 0.0, 1.0, speaker)], WIDTH, HEIGHT).draw(picture, 0.5)
    assert (pictures[0] == pictures[1]).all()
    named, unnamed = (
        (picture == bgr(colour_of("speaker_0002"))).all(axis=2).sum() for picture in pictures[1:]
    )
    assert named > 10
    assert unnamed == 0


def test_letters_beyond_ascii_are_drawn_as_themselves() -> None:
    pictures = [grey() for _ in range(3)]
    for picture, text in zip(pictures, ("ö", "o", "ж"), strict=True):
        Subtitles.of([ROWS.speech(text, 0.0, 1.0)], WIDTH, HEIGHT).draw(picture, 0.5)
    assert len({picture.tobytes() for picture in pictures}) == 3


@given(
    texts, st.none() | texts, st.sampled_from([(64, 48), (180, 102), (320, 240), (1920, 1080), (240, 427)])
)
def test_lines_fit_the_picture_and_lose_nothing(
    text: str, speaker: str | None, size: tuple[int, int]
) -> None:
    (cue,) = Subtitles.of([ROWS.speech(text, 0.0, 1.0, speaker)], *size).at(0.5)
    drawn = Subtitles([cue], *size)
    lines = drawn.lines(cue)
    assert "".join("".join(lines).split()).endswith("".join("".join(cue.lines).split()))
    assert all(0 < drawn.length(line) <= WIDTH_SHARE * size[0] for line in lines)


def test_two_who_speak_at_once_are_written_one_above_the_other() -> None:
    both = [ROWS.speech("one", 0.0, 2.0, "speaker_0001"), ROWS.speech("two", 1.0, 3.0, "speaker_0002")]
    assert changed(both, time_s=1.5).sum() > changed(both, time_s=0.5).sum()
    assert changed(both, time_s=1.5).nonzero()[0].min() < changed(both, time_s=2.5).nonzero()[0].min()
    assert [cue.lines for cue in Subtitles.of(both, WIDTH, HEIGHT).at(1.5)] == [("one",), ("two",)]


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 4)), max_size=8), st.floats(0, 14))
def test_a_moment_has_the_cues_around_it(spans: list[tuple[float, float]], time_s: float) -> None:
    cues = sorted(
        (Cue(start, start + length, ("x",)) for start, length in spans), key=lambda cue: cue.start_s
    )
    expected = [cue for cue in cues if cue.start_s <= time_s < cue.end_s]
    assert Subtitles(cues, WIDTH, HEIGHT).at(time_s) == expected[-3:]


# The timeline.


def test_without_sound_the_timeline_is_as_high_as_ever_and_each_kind_of_it_adds_a_row() -> None:
    heights = [
        strip(rows).shape[0]
        for rows in (
            [],
            [ROWS.loudness(0)],
            [ROWS.voice(0, 1)],
            [ROWS.voice(0, 1), ROWS.event("Music", 1, 2)],
        )
    ]
    assert heights[0] == heights[1] < heights[2] < heights[3]


def test_the_timeline_shows_who_speaks_when_and_which_sounds_there_are() -> None:
    for row, colour, start, stop in (
        (ROWS.turn("speaker_0002", 3.0, 5.0), colour_of("speaker_0002"), 3.0, 5.0),
        (ROWS.event("Music", -1.0, 6.0), tone_of("Music"), 0.0, 6.0),
        (ROWS.voice(8.0, 9.0), colour_of(None), 8.0, 9.0),
    ):
        columns = (strip([row])[-12:-8] == bgr(colour)).all(axis=2).any(axis=0).nonzero()[0]
        layout = StripLayout.of(WIDTH, HEIGHT, [], [], [one.name for one in AudioTimeline.of([row]).rows()])
        assert layout.margin > 0
        assert abs(columns.min() - layout.x(start / 10)) <= 1
        assert abs(columns.max() + 1 - layout.x(stop / 10)) <= 1


def test_speech_stands_for_turns_where_there_are_none_and_voice_activity_for_speech() -> None:
    voice, speech, turn = (
        ROWS.voice(0.0, 9.0),
        ROWS.speech("a", 1.0, 2.0, "speaker_0001"),
        ROWS.turn("speaker_0002", 3.0, 4.0),
    )
    for rows, name, times, short in (
        ([voice], "voice", (0.0, 9.0), ""),
        ([voice, speech], "speech", (1.0, 2.0), "S1"),
        ([voice, speech, turn], "speakers", (3.0, 4.0), "S2"),
    ):
        (row,) = AudioTimeline.of(rows).rows()
        assert (row.name, [(bar.start_s, bar.end_s, bar.label) for bar in row.bars]) == (
            name,
            [(*times, short)],
        )


def test_the_caption_names_who_speaks_and_what_is_heard_at_a_moment() -> None:
    assert AudioCaption(AudioTimeline.of(TALK)).at(4.5) == ["Speaker 2", "Laughter"]
    speech = [ROWS.speech("a", 1.0, 2.0, "speaker_0001")]
    assert [AudioCaption(AudioTimeline.of(speech)).at(time_s) for time_s in (1.0, 2.0)] == [
        ["Speaker 1"],
        [],
    ]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 9), st.floats(0, 3)), max_size=10))
def test_every_event_is_in_exactly_one_of_few_rows(some: list[tuple[str, float, float]]) -> None:
    events = [ROWS.event(name, start, start + length) for name, start, length in some]
    rows = AudioTimeline.of(events).rows()
    assert len(rows) <= EVENT_ROWS
    assert sorted(bar.name for row in rows for bar in row.bars) == sorted(name for name, _, _ in some)


def test_rows_of_sound_say_what_they_are() -> None:
    for rows, name in (
        ([ROWS.voice(0, 1)], "voice"),
        ([ROWS.speech("a", 0, 1)], "speech"),
        ([ROWS.turn("speaker_0001", 0, 1)], "speakers"),
    ):
        assert [row.name for row in AudioTimeline.of(rows).rows()] == [name]
    assert [row.name for row in AudioTimeline.of(TALK).rows()] == ["speakers", "sounds", "sounds"]


def test_a_row_of_the_timeline_has_its_name_in_the_margin_and_a_bar_its_own() -> None:
    margin = StripLayout.of(WIDTH, HEIGHT, [], [], ["speech"]).margin
    voice, speech = (strip([row]) for row in (ROWS.voice(3, 4), ROWS.speech("a", 3, 4)))
    differ = (voice[-16:] != speech[-16:]).any(axis=2).any(axis=0)
    assert differ[:margin].any()
    assert not differ[margin:].any()
    short, long = (
        strip([ROWS.turn("speaker_0001", 3, end)])[-12:-8, margin + 20 : -20] for end in (3.1, 6.0)
    )
    colours = [len(np.unique(row.reshape(-1, 3), axis=0)) for row in (short, long)]
    assert colours[0] == 2 < colours[1], "the bar and the row, and letters where they fit"


def test_faces_have_lanes_in_the_timeline_also_where_nothing_tells_them_apart() -> None:
    faces = [ROWS.face(n, "face_0002", x=20.0) for n in range(100, 150, 5)]
    bars = (strip(faces) == bgr(colour_of("face_0002"))).all(axis=2)
    layout = StripLayout.of(WIDTH, HEIGHT, [], [Track("face_0002", (Bar(4.0, 6.0, "face_0002"),))])
    columns = bars.any(axis=0).nonzero()[0]
    assert (columns.min(), columns.max() + 1) == (layout.x(0.4), layout.x(0.6))
    unknown = strip([ROWS.face(n, None) for n in range(100, 150, 5)])
    assert (unknown == bgr(colour_of(None))).all(axis=2).any()
    assert layout.height > StripLayout.of(WIDTH, HEIGHT, []).height
