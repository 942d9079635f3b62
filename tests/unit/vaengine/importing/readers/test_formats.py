from __future__ import annotations

import json

import pytest

from schemas.annotations.annotation import BBox
from schemas.errors import UnreadableImport, UsageError
from tests.support.stores import tool_files as files
from vaengine.importing.document import ImportedEvent, ImportedVideo
from vaengine.importing.readers.formats import FORMATS, read_file
from vaengine.importing.readers.parsing import SourceFile

BOX = (10.0, 20.0, 30.0, 40.0)
EXAMPLES = {
    "cvat": files.cvat(files.cvat_track(0, [(0, BOX), (10, BOX)])),
    "label-studio": files.label_studio(files.video_rectangle([(1, BOX, True), (11, BOX, False)])),
    "dive": files.dive(files.dive_track(3, [(0, BOX, True), (10, BOX, False)])),
    "viame": files.viame("3,00:00:00.000000,0,10,20,40,60,0.9,-1,person,0.9"),
    "eaf": files.eaf(files.eaf_tier("speech@Ána", (1, 2, "hello")), [0, 1000]),
    "boris": files.boris([[0.5, "Ána", "grooming", "", ""], [1.5, "Ána", "grooming", "", ""]]),
    "coco": files.coco([(0, BOX, 3)]),
    "via": files.via_tracks((0, BOX, 3)),
    "audacity": files.audacity((0.5, 1.5, "laughter"), (2.0, 2.0, "a clap")),
    "videoannotator": files.videoannotator([(0, BOX, 3), (5, BOX, 3)]),
}


def read(text: str, name: str | None = None) -> ImportedVideo:
    (video,) = read_file(SourceFile("a file", text.encode()), name).videos
    return video


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_known_by_its_content(name: str) -> None:
    assert read_file(SourceFile("a file", EXAMPLES[name].encode())).format == name


@pytest.mark.parametrize("name", FORMATS)
def test_a_byte_order_mark_does_no_harm(name: str) -> None:
    assert read_file(SourceFile("a file", b"\xef\xbb\xbf" + EXAMPLES[name].encode())).format == name


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"viame", "audacity"}))  # each line is whole
def test_half_a_file_is_refused(name: str) -> None:
    half = EXAMPLES[name][: len(EXAMPLES[name]) // 2]
    with pytest.raises(UnreadableImport, match="nothing was imported"):
        read_file(SourceFile("a file", half.encode()))


@pytest.mark.parametrize("text", ["", "{}", "[]", "<a/>", "a,b\n1,2\n", "null", '{"tracks": 5}'])
def test_what_is_of_no_format_is_refused(text: str) -> None:
    with pytest.raises(UnreadableImport, match="nothing was imported"):
        read(text)


def test_an_unknown_format_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"unknown format 'xlsx'.*cvat"):
        read(EXAMPLES["cvat"], "xlsx")


def test_a_format_that_the_content_is_not_of_is_refused() -> None:
    with pytest.raises(UnreadableImport, match="eaf"):
        read(EXAMPLES["cvat"], "eaf")


BOMB = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;">]>
<annotations><version>1.1</version>&y;</annotations>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<annotations><version>1.1</version>&x;</annotations>"""


@pytest.mark.parametrize("text", [BOMB, OUTSIDE])
def test_xml_that_declares_entities_is_refused(text: str) -> None:
    with pytest.raises(UnreadableImport, match="entities"):
        read(text)


def test_json_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(UnreadableImport):
        read("[" * 200_000)


# What each says.


def test_cvat_ends_a_track_before_the_frame_that_is_outside() -> None:
    boxes = [(0, BOX), (4, BOX), (10, None), (20, BOX)]
    (track,) = read(files.cvat(files.cvat_track(0, boxes))).tracks
    assert [[box.frame for box in segment] for segment in track.segments] == [[0, 4, 9], [20]]
    assert [box.is_keyframe for box in track.segments[0]] == [True, True, False]
    assert track.boxes[0].bbox == BBox(*BOX)


def test_cvat_names_a_person_by_an_attribute_and_keeps_our_id() -> None:
    track = files.cvat_track(0, [(0, BOX)], name="Ána Ünlü", person_id="person_0007")
    (found,) = read(files.cvat(track)).tracks
    assert (found.name, found.track_id) == ("Ána Ünlü", "person_0007")


def test_cvat_without_tracks_says_that_nobody_is_there() -> None:
    video = read(files.cvat())
    assert (video.tracks, video.labels, video.name) == ((), frozenset({"person"}), "garden.mp4")


def test_another_version_of_cvat_is_refused() -> None:
    with pytest.raises(UnreadableImport, match=r"version 1\.0"):
        read(EXAMPLES["cvat"].replace("<version>1.1", "<version>1.0"))


def test_label_studio_counts_frames_from_1_and_boxes_in_per_cent() -> None:
    boxes = [(1, (50.0, 10.0, 25.0, 20.0), True), (11, (50.0, 10.0, 25.0, 20.0), False)]
    video = read(files.label_studio(files.video_rectangle(boxes)))
    (track,) = video.tracks
    assert [box.frame for box in track.boxes] == [0, 10]
    assert track.boxes[0].bbox == BBox(0.5, 0.1, 0.25, 0.2)
    assert video.is_relative
    assert video.counting.fps == 25


def test_a_range_of_label_studio_includes_its_last_frame() -> None:
    value = {"ranges": [{"start": 26, "end": 50}], "timelinelabels": ["Laughter"]}
    timeline = {"id": "t", "type": "timelinelabels", "value": value, "from_name": "timeline"}
    video = read(files.label_studio(files.video_rectangle([(1, BOX, True)]), timeline))
    assert [(one.label, one.start_s, one.end_s) for one in video.events] == [("Laughter", 1.0, 2.0)]


def test_two_annotations_of_a_task_are_refused() -> None:
    task = json.loads(EXAMPLES["label-studio"])
    task[0]["annotations"] *= 2
    with pytest.raises(UnreadableImport, match="task 12: it has 2 annotations"):
        read(json.dumps(task))


def test_dive_divides_a_track_where_it_is_not_interpolated() -> None:
    features = [(0, BOX, True), (10, BOX, False), (50, BOX, True), (60, BOX, False)]
    (track,) = read(files.dive(files.dive_track(3, features))).tracks
    assert [[box.frame for box in segment] for segment in track.segments] == [[0, 10], [50, 60]]


def test_dive_takes_the_surest_class_and_the_rate() -> None:
    video = read(EXAMPLES["dive"])
    assert (video.tracks[0].label, video.counting.fps) == ("person", 25)


def test_viame_has_a_rate_in_a_comment_and_attributes_behind_classes() -> None:
    row = "3,t,0,10,20,40,60,0.9,-1,person,0.9,other,0.1,(trk-atr) name Ána"
    video = read(files.viame(row, fps=12.5))
    (track,) = video.tracks
    assert (float(video.counting.fps or 0), track.label, track.name) == (12.5, "person", "Ána")


def test_a_track_of_viame_with_two_boxes_in_a_frame_is_refused() -> None:
    row = "3,t,0,10,20,40,60,0.9,-1,person,0.9"
    with pytest.raises(UnreadableImport, match="line 4: track 3 has two boxes in frame 0"):
        read(files.viame(row, row))


def test_times_of_elan_are_ms_since_the_origin_of_the_medium() -> None:
    text = files.eaf(
        files.eaf_tier("speech", (1, 2, "Grüß &amp; Gott"), participant="Ána"), [1500, 2750], origin=500
    )
    (event,) = read(text).events
    assert (event.start_s, event.end_s, event.subject, event.text) == (1.0, 2.25, "Ána", "Grüß & Gott")


def test_an_annotation_of_elan_that_refers_to_another_has_its_times() -> None:
    child = (
        '<TIER TIER_ID="gloss" LINGUISTIC_TYPE_REF="x"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="b1" '
        'ANNOTATION_REF="a1"><ANNOTATION_VALUE>greeting</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>'
    )
    events = read(files.eaf(files.eaf_tier("speech", (1, 2, "hi")) + child, [0, 1000])).events
    assert [(one.group, one.start_s, one.end_s) for one in events] == [("speech", 0, 1), ("gloss", 0, 1)]


def test_boris_pairs_starts_and_stops_by_subject_and_behavior() -> None:
    events = [
        [0.5, "Ána", "grooming", "", ""],
        [0.7, "Bö", "grooming", "", "first"],
        [1.0, "", "bark", "loud", ""],
        [1.5, "Ána", "grooming", "", ""],
        [2.5, "Bö", "grooming", "", ""],
    ]
    found = {(one.label, one.subject): (one.start_s, one.end_s) for one in read(files.boris(events)).events}
    assert found == {
        ("grooming", "Ána"): (0.5, 1.5),
        ("grooming", "Bö"): (0.7, 2.5),
        ("bark", None): (1.0, None),
    }


def test_a_state_of_boris_that_never_stops_is_refused() -> None:
    with pytest.raises(UnreadableImport, match=r"'grooming' of Ána at 0.500 s never stops"):
        read(files.boris([[0.5, "Ána", "grooming", "", ""]]))


def test_coco_tells_tracked_boxes_from_others() -> None:
    video = read(files.coco([(0, BOX, 3), (5, BOX, 3), (5, (1.0, 2.0, 3.0, 4.0), None)]))
    assert sorted((track.track_id or "", len(track.boxes)) for track in video.tracks) == [("", 1), ("3", 2)]


def test_the_frame_of_an_image_of_coco_may_stand_in_its_name() -> None:
    value = json.loads(EXAMPLES["coco"])
    value["images"] = [{"id": 1, "file_name": "garden_000042.jpg"}]
    (track,) = read(json.dumps(value)).tracks
    assert track.boxes[0].frame == 42


def test_via_reads_the_frame_from_the_name_and_the_track_from_an_attribute() -> None:
    (track,) = read(files.via_tracks((7, BOX, 3), (8, BOX, 3))).tracks
    assert (track.track_id, [box.frame for box in track.boxes], track.boxes[0].bbox) == (
        "3",
        [7, 8],
        BBox(*BOX),
    )


def test_via_3_has_stretches_of_time() -> None:
    text = (
        "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata\n"
        '"1_a","[""garden.mp4""]",0,"[1.5,2.5]","[]","{""1"":""laughter""}"\n'
    )
    video = read(text)
    assert video.name == "garden.mp4"
    assert video.events == (ImportedEvent("laughter", 1.5, 2.5, text="laughter"),)


def label_track(name: str, *labels: tuple[float, float, str]) -> list[ImportedEvent]:
    (video,) = read_file(SourceFile(name, files.audacity(*labels).encode())).videos
    return list(video.events)


def test_a_label_of_audacity_lasts_or_is_a_point_in_time() -> None:
    events = label_track("notes.txt", (0.5, 1.5, 'he "laughs", loudly'), (2.0, 2.0, "a clap"))
    found = [(one.label, one.start_s, one.end_s, one.group) for one in events]
    assert found == [('he "laughs", loudly', 0.5, 1.5, "notes"), ("a clap", 2.0, None, "notes")]


def test_a_track_of_speech_of_audacity_is_of_the_video_of_its_folder_and_says_who_speaks() -> None:
    file = SourceFile(
        "/labels/garden/speech.txt", files.audacity((0, 1, "Ána: at 5: yes"), (1, 2, "no")).encode()
    )
    (video,) = read_file(file).videos
    assert video.name == "garden"
    assert [(one.subject, one.text) for one in video.events] == [("Ána", "at 5: yes"), (None, "no")]


def test_a_broken_line_of_audacity_is_named() -> None:
    with pytest.raises(UnreadableImport, match="line 2"):
        read("0.5\t1.5\tlaughter\nnow\t2.5\tmusic\n")


def test_videoannotator_has_tracks_and_no_names_but_those_that_people_gave() -> None:
    video = read(EXAMPLES["videoannotator"])
    (track,) = video.tracks
    assert (video.name, video.picture, track.track_id, track.name) == ("garden", (640, 360), "3", None)
    assert [(box.frame, box.time_s) for box in track.boxes] == [(0, 0.0), (5, 0.2)]
    given = {"labeling_method": "manual", "person_label": "Ána", "person_id": "person_0007"}
    (track,) = read(files.videoannotator([(0, BOX, 3)], **given)).tracks
    assert (track.track_id, track.name) == ("person_0007", "Ána")


def test_a_face_of_videoannotator_is_counted_in_its_frame_and_is_in_no_track() -> None:
    text = files.videoannotator([(0, BOX, 1)], face_id=0, track_id=None)
    (track,) = read(text.replace('"name": "person"', '"name": "face"')).tracks
    assert (track.label, track.track_id) == ("face", None)


def test_coco_without_a_list_of_videos_has_those_that_its_images_name() -> None:
    value = json.loads(EXAMPLES["coco"])
    del value["videos"]
    assert len(read(json.dumps(value)).tracks) == 1
    value["images"][0]["video_id"] = "street"
    assert read(json.dumps(value)).name == "street"
