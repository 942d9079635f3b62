"""The four sentences of the plan, what is said and what is alike, asked of a real run by the command.

One run of all four pipelines over clips whose truth is known by construction: persons by YOLO11n-pose, faces
with embeddings by an SCRFD pack, speech by Whisper. The weights of AudioSet's classifier are not to be had
without a network: a stand-in that was fitted to our laughter hears it, through the same code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.media import collection
from tests.support.runs import commands
from tests.support.servers.pages_server import CHROMIUM, PagesServer, browser, strict_page
from vaengine import open_store

pytestmark = [pytest.mark.long, pytest.mark.shared, pytest.mark.timeout(1800)]


MOMENTS = 60  # on the page Search at first


class Asked:
    """A folder of results, and questions to it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.out, self.environment = folder, folder / "out", environment

    def told(self, *words: str | Path) -> tuple[str, str]:
        """What a command prints: answers, and remarks."""
        done = commands.finished(*words, "--out", self.out, env=self.environment, patience_s=800)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    def answers(self, *words: str | Path) -> list[dict[str, Any]]:
        found = self.told("query", *words, "--format", "json")[0]
        return [{**match, "name": Path(match["path"]).stem} for match in map(json.loads, found.splitlines())]

    def spans(self, *words: str | Path) -> list[tuple[str, int, int]]:
        """The answers as video and whole seconds, in the order of time."""
        found = self.answers(*words)
        return sorted((one["name"], round(one["start_s"]), round(one["end_s"])) for one in found)

    def video(self, name: str) -> str:
        (folder,) = self.out.glob(f"{name}-*")
        return folder.name


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, empty_cache: Path) -> Asked:
    """The run, and what a researcher does next: identities, and a name for one person."""
    folder = tmp_path_factory.mktemp("questions")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("VAENGINE_")}
    environment = {**outside, "VAENGINE_OFFLINE": "1", "XDG_CACHE_HOME": str(empty_cache)}
    store = Asked(folder, environment)
    videos = collection.collection(folder / "videos")
    told = collection.settings(collection.stand_in_classifier(folder / "laughter"))
    store.told("run", *videos, "--cluster", "none", *told)
    store.told("identities", "build")
    store.told("person", "name", "meeting:face_0001", "Adam")
    return store


def test_all_videos_where_a_person_appears_within_5_seconds_of_laughter(asked: Asked) -> None:
    near = ("videos", "--person", "Adam", "--near", "sound:laughter", "--within")
    assert [one["name"] for one in asked.answers(*near, "5s")] == ["meeting"]
    assert sorted(one["name"] for one in asked.answers(*near, "20s")) == ["hall", "meeting"]
    explained, _ = asked.told(
        "query", "persons", "--video", "hall*", "--near", "sound", "--within", "5s", "--explain"
    )
    assert "0 with near sound within 5 s, 1 with near sound within 20 s" in explained


def test_all_face_detections_in_the_top_left_quadrant(asked: Asked) -> None:
    in_it = asked.answers("faces", "--region", "top-left", *SURE)
    found = {(one["name"], one["start_s"] // 3) for one in in_it}
    assert ("stage", 0) in found, "Cleo is top left for three seconds"
    assert ("stage", 1) not in found, "Dan is at the bottom right"
    quarters = [asked.answers("faces", "--video", "call*", "--region", name, *SURE) for name in QUARTERS]
    in_first_shot = [sum(one["start_s"] < 4 for one in found) for found in quarters]
    assert min(in_first_shot) > 0, "one of the four persons is in each quarter"
    assert sum(map(len, quarters)) == len(asked.answers("faces", "--video", "call*", *SURE))


SURE = ("--min-confidence", "0.5")
QUARTERS = ("top-left", "top-right", "bottom-left", "bottom-right")


def test_scenes_with_more_than_3_people_and_high_audio_activity(asked: Asked) -> None:
    crowded = ("scenes", "--count", "person>3")
    assert asked.spans(*crowded) == [("call", 0, 4), ("call", 7, 10)]
    assert asked.spans(*crowded, "--coverage", "speech+voice+sound>0.5") == [("call", 0, 4)]
    assert asked.spans("scenes", "--coverage", "speech+voice>0.5", "--count", "person=1")


def test_similar_faces_and_scenes_by_embedding(asked: Asked) -> None:
    out, _ = asked.told("similar", "meeting:face_0001", "--json", "--kind", "identity")
    first, second, *_ = [line for line in map(json.loads, out.splitlines()) if line["event"] == "match"]
    assert Path(first["path"]).stem == "hall", "the other clip of the same person"
    assert first["score"] > 0.6
    assert second["score"] < 0.45
    out, _ = asked.told("similar", "meeting:scene_0001", "--json")
    scene = json.loads(out.splitlines()[0])
    assert (Path(scene["path"]).stem, round(scene["end_s"])) == ("hall", 3)


def test_the_person_of_a_name_is_found_in_every_video_and_nowhere_else(asked: Asked) -> None:
    assert asked.spans("persons", "--person", "Adam") == [("hall", 0, 3), ("meeting", 0, 3)]
    assert {one["why"] for one in asked.answers("persons", "--person", "Adam")} == {"Adam"}


def test_what_is_said_is_found_where_it_is_said(asked: Asked) -> None:
    assert [
        (name, start) for name, start, _ in asked.spans("speech", "--said", "the reader will excuse me")
    ] == [("call", 0)]
    assert {name for name, _, _ in asked.spans("speech", "--said", "white")} <= {"meeting", "hall", "call"}


def test_the_answers_are_cut_out_drawn_and_shown_on_a_page_from_python_too(
    asked: Asked, tmp_path: Path
) -> None:
    import vaengine

    near = vaengine.find("person", person="Adam").near("sound:laughter", 5)
    found = vaengine.query(near, out=asked.out)
    assert found.to_pandas()["video_id"].tolist() == [asked.video("meeting")]
    (clip,) = found.clips(tmp_path / "clips").paths
    assert clip.stat().st_size > 10_000
    assert found.sheet(tmp_path / "found.png").stat().st_size > 10_000
    page = found.page(tmp_path / "found.html").read_text(encoding="utf-8")
    assert ("data:image/jpeg;base64" in page, "Adam near laughter" in page) == (True, True)


@pytest.fixture
def search_page(asked: Asked) -> Iterator[Any]:
    """The page Search of a server over the run, in a browser that may only ask it."""
    server = PagesServer(asked.out, asked.environment)
    server.start()
    try:
        with browser() as launched, strict_page(launched, server) as page:
            page.goto(f"{server.address}/search", wait_until="domcontentloaded")
            yield page
    finally:
        server.stop()


def _moments(page: Any) -> list[str]:
    """The videos of the moments that the page shows, the first one first."""
    page.locator(".moment").first.wait_for()
    told = page.locator(".moment span.small").all_text_contents()
    return [text.strip().partition(".mp4")[0] for text in told]


def _found(page: Any) -> list[str]:
    with page.expect_response("**/api/query"):
        page.get_by_role("button", name="Find").click()
    return _moments(page)


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium")
def test_the_page_answers_the_four_sentences_as_the_command_does(
    asked: Asked, search_page: Any, tmp_path: Path
) -> None:
    page = search_page
    page.get_by_label("Who or what").select_option("person")
    page.get_by_label("Which").first.fill("Adam")
    page.get_by_label("Relation").select_option("near")
    page.get_by_label("To what").select_option("sound")
    page.get_by_label("Which").last.fill("laughter")
    page.get_by_label("Within seconds").fill("5")
    assert set(_found(page)) == {"meeting"}

    page.get_by_label("Who or what").select_option("face")
    page.get_by_label("Which").first.fill("")
    page.get_by_label("Where").select_option("top-left")
    page.get_by_label("Relation").select_option("")
    expected = [one["name"] for one in asked.answers("faces", "--region", "top-left")]
    assert sorted(_found(page)) == sorted(expected[:MOMENTS])

    page.get_by_role("button", name="Document").click()
    crowded = {"count": "person", "gt": 3}, {"coverage": ["speech", "voice", "sound"], "gt": 0.5}
    page.get_by_label("The query document").fill(json.dumps({"find": {"kind": "scene"}, "where": crowded}))
    assert _found(page) == ["call"]

    page.get_by_role("button", name="Picture").click()
    picture = _picture_of(asked.folder / "videos" / "hall.mp4", tmp_path / "adam.png")
    with page.expect_response("**/api/similar/picture"):
        _drop(page, picture)
    assert _moments(page)[0] in {"hall", "meeting"}, "a video of the person in the picture"


def _picture_of(video: Path, picture: Path) -> Path:
    """The picture of a video after one second."""
    import av

    with av.open(str(video)) as container:
        frame = next(frame for frame in container.decode(video=0) if frame.time >= 1)
    frame.to_image().save(picture)
    return picture


def _drop(page: Any, picture: Path) -> None:
    """Drop a file on the page, as a hand does from a folder."""
    files = page.evaluate_handle(
        """([name, bytes]) => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/png"}));
            return dropped;
        }""",
        [picture.name, list(picture.read_bytes())],
    )
    page.locator(".drop").dispatch_event("drop", {"dataTransfer": files})


def test_whoever_is_forgotten_takes_saved_queries_and_the_page_along(asked: Asked) -> None:
    asked.told("query", "persons", "--person", "Adam", "--save", "where is he", "--open")
    page = asked.out / "moments.html"
    assert page.is_file()
    told, _ = asked.told("db", "forget", "Adam", "--yes")
    assert "saved query 'where is he'" in told
    assert not page.exists()
    with closing(open_store(f"sqlite:///{asked.out}/batch_processing.db", read_only=True)) as store:
        assert (store.saved_queries(), store.people().edits) == ({}, ())
    assert asked.spans("persons", "--video", "hall*") == []
