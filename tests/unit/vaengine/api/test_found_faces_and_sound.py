"""Faces and sound as Python sees them: values with arrays, what is there at a time, tables, and lanes of
the card.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from schemas.annotations import coco
from schemas.annotations.annotation import FACE_DETECTION, SPEECH, Annotation
from schemas.pipelines import AUDIO, FACE
from tests.support.stores.fake_rows import LANDMARKS, Rows, sound_alone
from tests.support.stores.fake_videos import Clip
from vaengine.api.notebook_card import FACE_LANES, LANES, NARROWEST, WIDTH
from vaengine.api.video_annotations import VideoAnnotations
from vaengine.plotting.video_plot import plot_video
from vaengine.results.vision import VideoFacts

CLIP = Clip()
ROWS = Rows(CLIP.video_id)
FACES = [
    ROWS.face(10, "face_0001", "person_0002", age=31.0, gender="female", pitch=1.0, yaw=-2.0, roll=3.0),
    ROWS.face(20, "face_0001", "person_0002"),
    ROWS.face(20, None, x=200.0),
    ROWS.identity("face_0001", 10, 21, ["person_0002", "person_0005"], age=30.0, gender="female"),
]
FACTS, SOUND = VideoFacts.of(CLIP.video), VideoFacts.of(sound_alone())


def found(*rows: Annotation, facts: VideoFacts = FACTS) -> VideoAnnotations:
    return VideoAnnotations(facts, tuple(sorted(rows, key=coco.reading_order)))


ALL = found(*FACES, *ROWS.conversation())
ALONE = found(*ROWS.conversation(), facts=SOUND)

times = st.floats(-1, 9)
stretches = st.tuples(times, st.floats(0, 2)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def drawing(annotated: VideoAnnotations) -> str:
    """The SVG of the card."""
    html = annotated._repr_html_()
    return html[html.index("<svg") : html.index("</svg>") + len("</svg>")]


def titles(annotated: VideoAnnotations) -> list[str]:
    return [
        title.text or ""
        for title in ET.fromstring(drawing(annotated)).iter("{http://www.w3.org/2000/svg}title")
    ]


def lines(annotated: VideoAnnotations) -> list[str]:
    return [
        text.text or "" for text in ET.fromstring(drawing(annotated)).iter("{http://www.w3.org/2000/svg}text")
    ]


def test_a_face_identity_has_its_persons_and_its_faces_as_arrays() -> None:
    (face,) = ALL.faces
    assert (face.face_id, face.person_id, face.person_ids) == (
        "face_0001",
        "person_0002",
        ("person_0002", "person_0005"),
    )
    assert (face.start_s, face.end_s, face.duration_s, face.confidence) == (0.4, 0.84, 0.84 - 0.4, 0.7)
    assert (face.age, face.gender) == (30.0, "female")
    assert face.boxes.frame_numbers.tolist() == [10, 20]
    assert face.boxes.xyxy[0].tolist() == [10.0, 20.0, 50.0, 70.0]
    assert repr(face) == "FaceIdentity('face_0001', 0.40 to 0.84 s, FaceBoxes(2))"


def test_faces_tell_what_is_known_of_each_and_nan_what_is_not() -> None:
    boxes = ALL.face_boxes
    assert boxes.face_ids.tolist() == ["face_0001", None, "face_0001"]
    assert boxes.person_ids.tolist() == ["person_0002", None, "person_0002"]
    assert boxes.landmarks.shape == (3, 5, 2)
    assert boxes.landmarks[0].tolist() == LANDMARKS
    assert boxes.angles[0].tolist() == [1.0, -2.0, 3.0]
    assert (boxes.ages[0], boxes.genders.tolist()) == (31.0, ["female", None, None])
    assert np.isnan(boxes.ages[1:]).all()
    assert np.isnan(boxes.angles[1:]).all()
    assert np.isnan(found(replace(FACES[0], attributes={})).face_boxes.landmarks).all()


def test_faces_that_nothing_tells_apart_are_boxes_of_no_identity() -> None:
    annotated = found(replace(FACES[0], face_id=None))
    assert (annotated.faces, len(annotated.face_boxes)) == ((), 1)
    assert len(annotated.boxes) == 0, "a face is no box of a person"


def test_arrays_of_faces_and_of_loudness_can_be_chosen_from_and_not_be_written_to() -> None:
    assert ALL.face_boxes[1:].frame_numbers.tolist() == [20, 20]
    assert ALL.loudness[ALL.loudness.times_s > 7].times_s.tolist() == [8.0, 9.0]
    for array in (ALL.face_boxes.landmarks, ALL.face_boxes[:1].ages, ALL.loudness.rms_dbfs):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


def test_speech_has_text_words_and_speaker() -> None:
    first, second = ALL.speech
    assert (first.text, first.language, first.speaker_id, first.start_s, first.end_s) == (
        "Good morning.",
        "en",
        "speaker_0001",
        -0.1,
        2.0,
    )
    assert [(word.text, word.start_s, word.end_s) for word in first.words] == [
        ("Good", -0.1, 0.9),
        ("morning.", 0.9, 2.0),
    ]
    assert second.words == ()


def test_turns_events_voice_and_loudness_come_in_order_of_time() -> None:
    assert [(turn.speaker_id, turn.start_s) for turn in ALL.speakers] == [
        ("speaker_0001", -0.1),
        ("speaker_0002", 3.0),
    ]
    assert [(event.label, event.end_s, event.confidence) for event in ALL.events] == [
        ("Laughter", 6.0, 0.5),
        ("Music", 10.0, 0.5),
    ]
    assert [(voice.start_s, voice.end_s) for voice in ALL.voice] == [(-0.1, 2.1), (2.9, 5.1)]
    assert ALL.loudness.times_s.tolist() == list(range(10))
    assert set(ALL.loudness.peak_dbfs.tolist()) == {-6.0}


@given(st.lists(stretches, max_size=6), st.lists(stretches, max_size=12))
def test_every_word_belongs_to_exactly_one_speech_if_anything_is_said(
    said: list[tuple[float, float]], spoken: list[tuple[float, float]]
) -> None:
    rows = [ROWS.speech(f"text {n}", *times) for n, times in enumerate(said)]
    words = [ROWS.word(f"word {n}", *times) for n, times in enumerate(spoken)]
    speech = found(*rows, *words).speech
    assert len(speech) == len(said)
    assert sorted(word.text for one in speech for word in one.words) == sorted(
        f"word {n}" for n in range(len(spoken) if said else 0)
    )


def test_a_moment_tells_faces_speech_speakers_and_events_there() -> None:
    moment = ALL.at(4.5)
    assert [one.text for one in moment.speech] == ["Grüß Gott & <welcome>"]
    assert moment.speakers == ("speaker_0002",)
    assert [event.label for event in moment.events] == ["Laughter"]
    assert len(moment.faces) == 0
    assert ALL.at(0.5).faces.frame_numbers.tolist() == [10]
    assert set(ALL.at(0.7).faces.face_ids) == {"face_0001", None}
    assert len(ALL.at(1.2).faces) == 2, "half a second away, as far as a frame that is looked at can be"
    assert len(ALL.at(1.2, within_s=0.1).faces) == 0
    assert ALL.at(2.0).speech == (), "the end is not part of it"


def test_counts_name_faces_and_sound_only_where_there_are_any() -> None:
    assert ALL.counts.endswith("1 known face, 3 face detections, 2 utterances, 2 speakers, 2 sound events")
    assert found(*FACES[:1]).counts == "0 scenes, 0 persons, 0 detections, 1 face detection"
    assert ALONE.counts == "2 utterances, 2 speakers, 2 sound events"
    assert found(ROWS.voice(0, 1), ROWS.voice(2, 3), facts=SOUND).counts == "2 voiced parts"
    assert found(ROWS.loudness(0), facts=SOUND).counts == "nothing recognised"


def test_every_type_is_a_table() -> None:
    frame = ALL.to_pandas(SPEECH)
    assert frame["speaker_id"].tolist() == ["speaker_0001", "speaker_0002"]
    assert json.loads(frame["data"][1])["text"] == "Grüß Gott & <welcome>"
    assert frame["frame_number"].isna().all()
    assert ALL.to_pandas(FACE_DETECTION)["face_id"].nunique() == 1
    assert len(ALL.to_pandas()) == len(ALL.annotations)


def test_what_coco_files_hold_of_faces_and_sound_is_what_the_store_holds() -> None:
    documents = [
        coco.document(
            name, CLIP.video, [r for r in ALL.annotations if r.pipeline == name], info={}, generation="g"
        )
        for name in (FACE, AUDIO)
    ]
    read = VideoAnnotations.from_coco(*(json.loads(coco.to_bytes(document)) for document in documents))
    assert sorted(read.annotations, key=coco.reading_order) == list(ALL.annotations)
    assert (read.speech, read.events) == (ALL.speech, ALL.events)
    alone = VideoAnnotations.from_coco(
        coco.document(AUDIO, sound_alone(), ROWS.conversation(), info={}, generation="g")
    )
    assert (alone.video.has_pictures, alone.video.duration_s, len(alone.speech)) == (False, 10.0, 2)


def test_the_card_has_lanes_of_faces_and_of_what_is_heard_below_a_name_each() -> None:
    named = [line for line in lines(ALL) if not line[:1].isdigit()]
    assert named == ["faces", "F1", "speech", "speakers", "S1", "S2", "sound events"]
    assert titles(ALL)[:3] == [
        "face_0001: 0.40 to 1.20 s, 2 detections",
        "Speaker 1: Good morning. (-0.10 to 2.00 s)",
        "Speaker 2: Grüß Gott & <welcome> (3.00 to 5.00 s)",
    ]
    assert titles(ALL)[-1] == "Music: 5.00 to 10.00 s, 0.50"


def test_a_face_that_comes_back_is_not_on_the_card_in_between() -> None:
    seen = [*range(0, 30, 5), *range(70, 100, 5)]
    annotated = found(*(ROWS.face(n, "face_0003") for n in seen), ROWS.identity("face_0003", 0, 100))
    assert titles(annotated) == [
        "face_0003: 0.00 to 1.20 s, 6 detections",
        "face_0003: 2.80 to 4.00 s, 6 detections",
    ]
    bars = [
        rect.attrib for rect in ET.fromstring(drawing(annotated)).iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert [(float(bar["x"]), float(bar["width"])) for bar in bars] == [(0.0, 216.0), (504.0, 216.0)]


def test_an_id_has_the_same_colour_and_the_same_stretches_on_the_card_as_in_the_plot() -> None:
    rows = [
        ROWS.face(n, f"face_{face:04d}")
        for face in range(1, 10)
        for n in (*range(face, 40, 5), *range(70 + face, 90, 5))
    ]
    identities = [ROWS.identity(f"face_{face:04d}", face, 90) for face in range(1, 10)]
    bars = [
        rect.attrib
        for rect in ET.fromstring(drawing(found(*rows[:80], *identities))).iter(
            "{http://www.w3.org/2000/svg}rect"
        )
    ]
    axes = next(
        one for one in plot_video(rows[:80], duration_s=4.0).get_axes() if one.get_ylabel().endswith("faces")
    )
    lanes = [
        (lane.get_facecolor()[0], path.vertices[:, 0])
        for lane in axes.collections
        for path in lane.get_paths()
    ]
    expected = [(to_hex(colour), xs.min() * 180, (xs.max() - xs.min()) * 180) for colour, xs in lanes]
    shown = [(bar["fill"].lower(), float(bar["x"]), float(bar["width"])) for bar in bars]
    assert len(shown) >= FACE_LANES
    for colour, left, width in shown:
        assert any(c == colour and abs(x - left) < 0.1 and abs(w - width) < 0.1 for c, x, w in expected), (
            colour,
            left,
            width,
        )


def test_where_no_text_is_known_the_card_shows_voice_activity() -> None:
    assert titles(found(ROWS.voice(1.0, 2.0))) == ["voice: 1.00 to 2.00 s"]


def test_the_card_of_sound_alone_says_so_and_has_no_lanes_of_pictures() -> None:
    html = ALONE._repr_html_()
    assert "sound alone" in html
    assert "0 x 0" not in html
    assert "frames" not in html
    ET.fromstring(drawing(found(facts=SOUND)))


def test_bars_never_leave_the_drawing_whenever_sound_begins_and_ends() -> None:
    rows = [
        ROWS.speech("early", -5.0, -1.0),
        ROWS.speech("late", 3.9, 50.0),
        ROWS.speech("later", 60.0, 70.0),
        ROWS.event("x", -1.0, 99.0),
    ]
    bars = [
        rect.attrib for rect in ET.fromstring(drawing(found(*rows))).iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(bars) == 4
    assert all(float(bar["x"]) >= 0 and float(bar["x"]) + float(bar["width"]) <= WIDTH + 0.1 for bar in bars)


@pytest.mark.long
def test_very_much_sound_still_has_a_card_of_bounded_size() -> None:
    rows = [ROWS.speech(f"text {n}", n / 4, n / 4 + 0.2) for n in range(20_000)] + [
        ROWS.event("x", n / 4, n / 4 + 0.2) for n in range(20_000)
    ]
    bars = sum(
        1
        for _ in ET.fromstring(drawing(found(*rows, facts=replace(SOUND, duration_s=5000.0)))).iter(
            "{http://www.w3.org/2000/svg}rect"
        )
    )
    assert bars <= (LANES + 2) * (WIDTH / NARROWEST + 1)
