"""The media routes over real clips, in this process."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.support.media.clips import number_of
from tests.support.stores.served import client_of, settings_of
from tests.support.stores.watched import FRAMES, HOSTILE_SAYING, Watched, box_in, store_url, watched_in

Served = tuple[TestClient, Mapping[str, Watched]]


@contextmanager
def _served(folder: Path) -> Iterator[Served]:
    watched = watched_in(folder)
    with client_of(settings_of(store_url(folder), folder)) as client:
        yield client, watched


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("watched")
    with pytest.MonkeyPatch.context() as patch, _served(folder) as both:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield both


def _of(served: Served, name: str, part: str) -> Any:
    client, watched = served
    return client.get(f"/api/videos/{watched[name].video_id}/{part}")


@pytest.mark.parametrize("name", ["constant", "variable", "late", "preview"])
def test_times_are_those_of_the_store_packed_small_and_kept(served: Served, name: str) -> None:
    answer, video = _of(served, name, "times"), served[1][name].video
    assert np.cumsum(np.frombuffer(answer.content, "<f8")).tolist() == video.index.pts.tolist()
    assert (answer.headers["content-encoding"], "immutable" in answer.headers["cache-control"]) == (
        "gzip",
        True,
    )


def test_facts_say_how_a_frame_is_known_by_the_time_of_the_media(served: Served) -> None:
    facts, late = _of(served, "late", "review").json(), served[1]["late"]
    assert (
        facts["offset_s"]
        == float(late.video.start_pts * late.video.time_base)
        == pytest.approx(2.5, abs=0.01)
    )
    assert (facts["width"], facts["height"], facts["frame_count"]) == (480, 270, FRAMES)
    assert facts["time_base"] == [late.video.time_base.numerator, late.video.time_base.denominator]
    assert [one["status"] for one in facts["pipelines"]] == ["completed"] * 4


def test_lanes_have_scenes_persons_faces_and_what_is_said(served: Served) -> None:
    lanes = {lane["key"]: lane for lane in _of(served, "constant", "lanes").json()}
    assert list(lanes) == ["scene", "person_0001", "face_0002", "speech"]
    assert [bar["label"] for bar in lanes["scene"]["bars"]] == ["1", "2"]
    assert lanes["person_0001"]["colour"] == "#E69F00"


def test_one_lane_can_be_asked_for_in_a_part_of_the_video(served: Served) -> None:
    [lane] = _of(served, "constant", "lanes?from=1.3&to=2.4&px=16384&kind=scene").json()
    assert [bar["label"] for bar in lane["bars"]] == ["2"]
    assert _of(served, "constant", "lanes?from=2&to=1").status_code == 400


def test_the_interval_after_and_before_a_time_is_answered_however_long_the_video_is(served: Served) -> None:
    cut = float(served[1]["constant"].clip.times_s[FRAMES // 2])
    scenes = "kind=scene&key=scene"
    assert _of(served, "constant", f"lanes/next?at=0.02&{scenes}").json()["start_s"] == pytest.approx(cut)
    assert _of(served, "constant", f"lanes/previous?at={cut}&{scenes}").json()["start_s"] == 0.0
    assert _of(served, "constant", f"lanes/next?at=99&{scenes}").json() is None
    assert _of(served, "constant", "lanes/next?at=0&kind=sound&key=laughter").status_code == 404
    assert _of(served, "constant", f"lanes/last?at=0&{scenes}").status_code == 422


def test_boxes_are_those_of_the_very_frames(served: Served) -> None:
    columns = _of(served, "variable", "boxes?first=10&last=12").json()
    persons = {
        frame: box
        for frame, box, kind in zip(columns["frame"], columns["box"], columns["kind"], strict=True)
        if kind == 0
    }
    for frame in (10, 11):
        assert persons[frame] == [box_in(frame).x, 60.0, 90.0, 150.0]


def test_what_is_said_is_text_and_nothing_else(served: Served) -> None:
    answer = _of(served, "constant", "words")
    assert answer.json()[0]["text"] == HOSTILE_SAYING
    assert answer.headers["content-type"] == "application/json"


def test_media_comes_whole_or_by_ranges(served: Served) -> None:
    client, watched = served
    one = watched["constant"]
    address, content = f"/api/videos/{one.video_id}/media", one.clip.path.read_bytes()
    assert client.get(address).content == content
    head = client.head(address)
    assert (head.status_code, int(head.headers["content-length"]), head.content) == (200, len(content), b"")
    part = client.get(address, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert client.get(address, headers={"range": f"bytes={len(content)}-"}).status_code == 416


@pytest.mark.parametrize(
    "part", ["media", "times", "review", "lanes", "boxes", "words", "thumbnail", "preview"]
)
@pytest.mark.parametrize("video_id", ["..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "unknown-00000000"])
def test_a_path_is_never_taken_from_a_client(served: Served, video_id: str, part: str) -> None:
    assert served[0].get(f"/api/videos/{video_id}/{part}").status_code == 404


def test_a_thumbnail_shows_the_frame_of_its_time_and_is_made_once(served: Served, tmp_path: Path) -> None:
    times = [float(time) for time in served[1]["variable"].clip.times_s]
    answer = _of(served, "variable", f"thumbnail?t={(times[37] + times[38]) / 2}&width=480")
    assert number_of(np.asarray(Image.open(io.BytesIO(answer.content)))) == 37
    again = _of(served, "variable", f"thumbnail?t={times[37]}&width=480")
    assert (again.content, again.headers["last-modified"]) == (
        answer.content,
        answer.headers["last-modified"],
    )


def test_a_portrait_is_a_square_around_a_box_inside_the_picture(served: Served) -> None:
    picture = Image.open(io.BytesIO(_of(served, "constant", "portrait?frame=3&box=20,60,110,210").content))
    assert picture.size == (120, 120)
    for wrong in ("frame=3&box=900,900,950,950", "frame=900&box=0,0,9,9"):
        assert _of(served, "constant", f"portrait?{wrong}").status_code == 400
    assert _of(served, "constant", "portrait?frame=3&box=a,b").status_code == 422


def test_a_video_that_is_gone_says_so(served: Served) -> None:
    path = served[1]["late"].clip.path
    hidden = path.with_suffix(".hidden")
    path.rename(hidden)
    try:
        answer = _of(served, "late", "media")
        assert answer.status_code == 422
        assert "if it was moved" in answer.json()["error"]["what"] + (answer.json()["error"]["cure"] or "")
    finally:
        hidden.rename(path)


def _preview(client: TestClient, video_id: str) -> Any:
    """The state of a preview once it is made."""
    address = f"/api/videos/{video_id}/preview"
    state = client.post(address).json()
    while state["stage"] in ("waiting", "making"):
        state = client.get(f"{address}/state").json()
    return state


def test_a_server_that_only_reads_makes_previews_in_its_cache_and_changes_nothing_else(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, late = tmp_path / "cache", served[1]["late"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    url = store_url(late.clip.path.parent)
    kept = [Path(url.removeprefix("sqlite:///")), *(one.clip.path for one in served[1].values())]
    before = [path.read_bytes() for path in kept]
    with client_of(settings_of(url, tmp_path / "none", read_only=True)) as reader:
        state = _preview(reader, late.video_id)
        assert (state["stage"], state["message"]) == ("ready", "")
        assert reader.get(state["media"]).status_code == 200
    assert [path.read_bytes() for path in kept] == before
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert [path.name for path in cache.rglob("*") if path.is_file()] == ["preview-480.mp4"]


def test_a_preview_keeps_the_time_of_every_frame(served: Served) -> None:
    import av

    client, watched = served
    video = watched["preview"].video
    assert client.get(f"/api/videos/{video.video_id}/preview").status_code == 404
    state = _preview(client, video.video_id)
    assert (state["stage"], state["message"]) == ("ready", "")
    with av.open(io.BytesIO(client.get(state["media"]).content)) as preview:
        times = [frame.pts * frame.time_base for frame in preview.decode(video=0)]
    expected = [float((pts - video.start_pts) * video.time_base) for pts in video.index.pts]
    assert [float(time) - state["offset_s"] for time in times] == pytest.approx(expected, abs=1e-6)


def test_a_damaged_video_costs_its_own_pictures_and_no_server(served: Served) -> None:
    path = served[1]["late"].clip.path
    content = path.read_bytes()
    path.write_bytes(b"no video at all" + content[15:])
    try:
        answer = _of(served, "late", "thumbnail?t=1.5")
        assert answer.status_code in (400, 422)
        assert answer.json()["error"]["what"]
    finally:
        path.write_bytes(content)
    assert _of(served, "constant", "thumbnail?t=0.5").status_code == 200
