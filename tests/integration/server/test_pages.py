"""The pages in a real browser, over real clips and a real server.

Pictures carry their numbers, and a box lies elsewhere in each frame: what is on the screen is read back from
its pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.stores import open_store
from schemas.pipelines import PERSON
from schemas.storage.backend import StorageBackend
from schemas.work.attempt import QUARANTINED
from schemas.work.chunk import WorkKey
from tests.support.media.clips import BITS, counting
from tests.support.runs.commands import finished
from tests.support.servers.pages_server import CHROMIUM, PagesServer, browser, strict_page
from tests.support.stores.fake_videos import RUN, Clip, broken
from tests.support.stores.watched import (
    CONFIG_HASH,
    FRAMES,
    HEIGHT,
    HOSTILE_SAYING,
    WIDTH,
    Watched,
    store_url,
    watched_in,
)
from vaengine.correcting.correction import correct_boxes, undo_correction
from vaengine.correcting.edits import Stretch, TrackDeletion
from vaengine.correcting.history import corrections_among

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium"),
]
MAX_OFF = 2.0  # pixels of the screen between a drawn and a stored box
MIN_EXACT = 5  # callbacks while it plays that come in time, however busy the machine is
CLIPS = ("constant", "variable", "late", "preview")

# The number in the pixels of the picture on the screen, and where the left edge of the person's box is drawn.
READ = """
({bits, width, height}) => {
  const video = document.querySelector("video"), overlay = document.querySelector("canvas.overlay");
  const side = Math.floor(width / bits), canvas = (window.probe ??= new OffscreenCanvas(width, height));
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  pen.drawImage(video, 0, 0, width, height);
  let number = 0;
  for (let i = 0; i < bits; i += 1) {
    const [value] = pen.getImageData(i * side + side / 2, height - side / 2, 1, 1).data;
    if (value > 128) number |= 1 << i;
  }
  const {scale, x, y} = window.review.overlay.at;
  const row = overlay.getContext("2d").getImageData(0, Math.round(y + 135 * scale), overlay.width, 1).data;
  const orange = [];
  for (let i = 0; i < overlay.width; i += 1) {
    const [red, green, blue, alpha] = row.slice(4 * i, 4 * i + 4);
    if (red > 200 && Math.abs(green - 159) < 30 && blue < 60 && alpha > 200) orange.push(i);
  }
  const end = orange.findIndex((at, i) => i && at > orange[i - 1] + 1);
  const edge = orange.slice(0, end < 0 ? orange.length : end);
  const drawn = edge.length ? (edge[0] + edge.at(-1) + 1) / 2 : null;
  const {frame} = window.review.player;
  return {number, frame, drawn, expected: x + (8 + 4 * frame) * scale};
}
"""
SIZES = {"bits": BITS, "width": WIDTH, "height": HEIGHT}
READY = "() => globalThis.review?.state.isReady && review.drawnFrame !== null"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def watched(folder: Path) -> Mapping[str, Watched]:
    return watched_in(folder)


@pytest.fixture(scope="module")
def server(folder: Path, watched: Mapping[str, Watched]) -> Iterator[PagesServer]:
    running = PagesServer(folder)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as launched:
        yield launched


@pytest.fixture
def page(chromium: Any, server: PagesServer) -> Iterator[Any]:
    with strict_page(chromium, server) as opened:
        yield opened


@pytest.fixture
def store(folder: Path) -> Iterator[StorageBackend]:
    with closing(open_store(store_url(folder))) as opened:
        yield opened


def _review(page: Any, server: PagesServer, video: Watched, query: str = "") -> None:
    page.goto(f"{server.address}/videos/{video.video_id}{query}", wait_until="domcontentloaded")
    page.wait_for_function(READY)


def _off(read: Mapping[str, float]) -> float:
    """How far the drawn box is from the stored one of the frame that the page has."""
    return abs(read["drawn"] - read["expected"])


@pytest.mark.parametrize("name", CLIPS)
def test_after_a_seek_the_box_is_on_the_very_frame(
    page: Any, server: PagesServer, watched: Mapping[str, Watched], name: str
) -> None:
    _review(page, server, watched[name])
    for step in range(50):
        frame = step * 37 % FRAMES
        assert page.evaluate("frame => review.player.seek(frame)", frame) is True
        read = page.evaluate(READ, SIZES)
        assert (read["number"], read["frame"]) == (frame, frame)
        assert _off(read) <= MAX_OFF, read


@pytest.mark.parametrize("name", CLIPS)
def test_while_it_plays_the_box_is_on_the_very_frame(
    page: Any, server: PagesServer, watched: Mapping[str, Watched], name: str
) -> None:
    _review(page, server, watched[name])
    page.evaluate(
        f"""sizes => {{
            const look = {READ.strip()};
            window.seen = [];
            window.review.player.addEventListener("frame", () => window.seen.push(look(sizes)));
            window.review.player.setRate(0.25); // a busy machine shows few frames a second
            window.review.player.play();
        }}""",
        SIZES,
    )
    page.wait_for_function("() => document.querySelector('video').ended || window.seen.length > 25")
    seen = page.evaluate("() => window.seen")
    shown = [one for one in seen if one["number"] == one["frame"]]
    assert len(shown) >= MIN_EXACT
    # Boxes are those of the frame that was named. A callback that comes late finds the next picture there.
    assert [one for one in seen if one["drawn"] is None or _off(one) > MAX_OFF] == []
    named_next = [one["frame"] for one in seen[1:]] + [FRAMES - 1]
    late = [(one, end) for one, end in zip(seen, named_next, strict=True) if one not in shown]
    assert [one for one, end in late if not one["frame"] < one["number"] <= end] == []


def test_keys_step_frames_and_jump_to_the_next_interval_of_the_lane(
    page: Any, server: PagesServer, watched: Mapping[str, Watched]
) -> None:
    _review(page, server, watched["variable"], "?t=0")
    frame = "n => review.player.frame === n && review.drawnFrame === n"
    page.keyboard.press("ArrowRight")
    page.wait_for_function(frame, arg=1)
    page.keyboard.press("n")  # the next scene
    page.wait_for_function(frame, arg=FRAMES // 2)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(frame, arg=FRAMES // 2 - 1)
    page.keyboard.press("g")
    page.keyboard.type("0:00")
    page.keyboard.press("Enter")
    page.wait_for_function(frame, arg=0)
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()


def test_a_name_a_merge_and_an_undo_are_edits_of_the_store(
    page: Any, server: PagesServer, watched: Mapping[str, Watched], store: StorageBackend
) -> None:
    first, other = watched["constant"], watched["late"]
    for video, name in ((first, "Anna"), (other, "<b>Änne</b>")):
        _review(page, server, video, "?t=0.1")
        page.get_by_role("tab", name="People").click()
        page.locator(".people-list button", has_text="P1").click()
        page.keyboard.press("r")
        page.locator("dialog input").fill(name)
        page.locator("dialog input").press("Enter")
        page.locator(".lane-title", has_text=name).wait_for()
    assert [edit.name for edit in store.people().edits] == ["Anna", "<b>Änne</b>"]
    assert page.locator("main b b").count() == 0  # the name is text

    page.goto(f"{server.address}/people", wait_until="domcontentloaded")
    page.get_by_role("region", name="Anna").get_by_role("button", name="Merge…").click()
    page.get_by_role("region", name="<b>Änne</b>").get_by_role("button", name="Is Anna").click()
    page.get_by_text("1 person", exact=True).wait_for()
    page.locator(".page-head").get_by_role("button", name="Undo").click()
    page.get_by_text("2 persons", exact=True).wait_for()
    assert [str(edit.action) for edit in store.people().edits] == ["name", "name", "merge", "undo"]


def _on_screen(page: Any, x: float, y: float) -> list[float]:
    """Where a place of the picture is in the window."""
    found: list[float] = page.evaluate(
        """([left, top]) => {
            const {canvas, at: {scale, ratio, x, y}} = review.overlay, frame = canvas.getBoundingClientRect();
            return [frame.left + (x + left * scale) / ratio, frame.top + (y + top * scale) / ratio];
        }""",
        [x, y],
    )
    return found


def test_a_box_is_drawn_anew_deleted_and_brought_back(
    page: Any, server: PagesServer, watched: Mapping[str, Watched], store: StorageBackend
) -> None:
    video = watched["constant"]
    _review(page, server, video, "?t=0.4")  # frame 10
    of_person = "review.boxes.at(review.player.frame)?.find((one) => one.label === 'person_0001')"
    before = page.evaluate(f"() => {of_person}.box")
    page.get_by_role("tab", name="People").click()
    page.locator(".people-list button", has_text="person").first.click()

    page.keyboard.press("d")
    page.mouse.move(*_on_screen(page, before[0] + 20, before[1] + 20))
    page.mouse.down()
    page.mouse.move(*_on_screen(page, before[0] + 120, before[1] + 50), steps=4)
    page.mouse.up()
    page.keyboard.press("Enter")  # on the button that has the focus
    page.wait_for_function(f"() => Math.abs(({of_person}?.box[0] ?? 0) - {before[0] + 100}) < 1.5")
    drawn = page.evaluate(f"() => {of_person}.box")
    assert [drawn[1] - before[1], *drawn[2:]] == pytest.approx([30.0, *before[2:]], abs=1.5)

    page.keyboard.press("Delete")
    page.get_by_role("radio", name="the whole video").check()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_function(f"() => review.drawnFrame !== null && !({of_person})")
    page.wait_for_function("() => !review.lanes.lanes.some((lane) => lane.key === 'person_0001')")
    page.keyboard.press("u")
    page.wait_for_function(f"() => ({of_person})?.box[0] === {drawn[0]}")
    page.keyboard.press("u")
    page.wait_for_function(f"() => ({of_person})?.box[0] === {before[0]}")

    page.get_by_role("tab", name="Details").click()
    page.get_by_text("P1 drawn anew in frame 10").wait_for()
    page.get_by_role("button", name="Machine's").click()
    page.wait_for_function("() => review.facts.is_corrected === false && review.drawnFrame !== null")
    made = corrections_among(store.jobs_of([video.video_id]))
    assert [len(one.facts.edits) for one in made] == [0, 0, 1, 1]
    assert len(store.annotations(WorkKey(video.video_id, PERSON, CONFIG_HASH))) == FRAMES + 1


def test_a_correction_is_drawn_while_it_is_on_its_way(
    page: Any, server: PagesServer, watched: Mapping[str, Watched]
) -> None:
    video, held, is_held = watched["late"], list[Any](), [True]

    def hold(route: Any) -> None:
        if is_held[0]:
            held.append(route)
        else:
            route.continue_()

    page.route("**/corrections", hold)
    _review(page, server, video, "?t=0.4")
    of_person = "(review.seen() ?? []).find((one) => one.label === 'person_0001')"
    before = page.evaluate(f"() => {of_person}.box")
    page.get_by_role("tab", name="People").click()
    page.locator(".people-list button", has_text="person").first.click()
    page.keyboard.press("d")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    lower = f"() => {of_person}?.box[1] === {before[1] + 1}"
    page.wait_for_function(lower)
    page.get_by_text("Saving…").wait_for()
    page.keyboard.press("Delete")  # the next one need not wait
    page.get_by_role("radio", name="the whole video").check()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_function(f"() => !({of_person})")
    assert page.evaluate("() => review.boxes.at(0)[0].box")[0] == 8.0  # nothing is stored yet

    is_held[0] = False
    [first] = held
    first.continue_()
    page.wait_for_function("() => !review.corrections.isSending && review.drawnFrame !== null")
    page.wait_for_function(f"() => !({of_person})")
    page.keyboard.press("u")
    page.wait_for_function(lower)


def test_a_correction_of_results_that_others_have_changed_is_told_and_shows_theirs(
    page: Any, server: PagesServer, watched: Mapping[str, Watched], store: StorageBackend
) -> None:
    video = watched["variable"]
    _review(page, server, video, "?t=0")
    page.get_by_role("tab", name="People").click()
    page.locator(".people-list button", has_text="person").first.click()
    page.keyboard.press("Delete")
    seen = page.evaluate("() => review.facts.revision")
    elsewhere = [TrackDeletion("person", "person_0001", Stretch(30, 40))]
    correct_boxes(store, video.video, elsewhere, seen)
    page.get_by_text("Show new results").wait_for()  # while the question is open, nothing changes behind it
    page.expected.append("409")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("have changed meanwhile").wait_for()
    page.wait_for_function("seen => review.facts.revision !== seen", arg=seen)
    page.keyboard.press("Delete")  # of what is there now
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("P1: deleted").wait_for()


def test_results_that_change_elsewhere_are_shown_where_the_page_is_and_a_box_that_is_drawn_stays(
    page: Any, server: PagesServer, watched: Mapping[str, Watched], store: StorageBackend
) -> None:
    video = watched["late"]
    _review(page, server, video, "?t=0.4")
    is_there = "review.seen()?.some((one) => one.label === 'person_0001')"
    frame = page.evaluate("() => review.player.frame")
    page.wait_for_function(f"() => {is_there}")
    seen = page.evaluate("() => review.facts.revision")
    correct_boxes(store, video.video, [TrackDeletion("person", "person_0001", Stretch(0, FRAMES))], seen)
    page.wait_for_function(f"seen => review.facts.revision !== seen && {is_there} === false", arg=seen)
    assert page.evaluate("() => review.player.frame") == frame

    page.evaluate("() => review.select('person_0001')")
    page.keyboard.press("d")
    page.keyboard.press("ArrowRight")
    drawn = page.evaluate("() => review.corrections.draft.box")
    undo_correction(store, video.video, page.evaluate("() => review.facts.revision"))
    page.get_by_role("button", name="Show new results").click()
    page.wait_for_function(f"() => {is_there}")
    assert page.evaluate("() => review.corrections.draft.box") == drawn
    assert page.evaluate("() => review.player.frame") == frame


def test_a_search_by_a_sentence_leads_into_the_video(
    page: Any, server: PagesServer, watched: Mapping[str, Watched]
) -> None:
    page.goto(f"{server.address}/search", wait_until="domcontentloaded")
    page.get_by_label("Relation").select_option("near")
    page.get_by_label("To what").select_option("speech")
    page.get_by_label("Within seconds").fill("5")
    page.get_by_role("button", name="Find").click()
    page.locator(".moment").first.wait_for()
    assert page.locator(".moment").count() == len(CLIPS)
    assert page.evaluate("() => window.hacked") is None  # though what is said is a script
    page.get_by_role("button", name="What is said").click()
    page.get_by_label("Words that are said").fill("good morning")
    page.get_by_role("button", name="Find").click()
    page.locator(".moment").first.click()
    page.wait_for_function(READY)
    page.get_by_text(HOSTILE_SAYING).first.wait_for()
    assert page.evaluate("() => window.hacked") is None


def _fails(store: StorageBackend, clip: Clip) -> None:
    """A run in which the scenes of a clip fail."""
    epoch = store.open_run(RUN)
    store.register(epoch, [clip.video], [clip.job(clip.key())])
    store.finish(epoch, broken(clip.job(clip.key()), clip.key()))
    store.close_run(epoch, "done")


def test_what_failed_is_put_into_quarantine_released_and_tried_again_by_a_click(
    page: Any, server: PagesServer, store: StorageBackend, watched: Mapping[str, Watched]
) -> None:
    clip = Clip("/clips/<script>window.hacked=2<script>.mp4", "d")
    job_id = clip.job(clip.key()).job_id
    _fails(store, clip)
    page.goto(f"{server.address}/errors", wait_until="domcontentloaded")
    page.expected.append("422")  # its file is gone, so it has no picture
    page.get_by_role("button", name="Quarantine").click()
    page.get_by_text("in quarantine", exact=True).wait_for()
    epoch = store.open_run(RUN)
    store.register(epoch, [clip.video], [clip.job(clip.key())])
    assert store.lease(epoch, [clip.key()]) == set()
    store.close_run(epoch, "done")
    assert store.load_job_metadata(job_id).failure_kind == QUARANTINED
    page.get_by_role("button", name="Release").click()
    page.get_by_text("Nothing has failed").wait_for()
    _fails(store, clip)
    page.get_by_role("button", name="Retry").click()
    page.get_by_text("Nothing has failed").wait_for()
    assert store.load_job_metadata(job_id).retry_count == 2
    page.goto(f"{server.address}/videos", wait_until="domcontentloaded")
    page.locator("tbody tr", has_text="<script>window.hacked=2<script>.mp4").wait_for()
    assert page.evaluate("() => window.hacked") is None


def test_no_event_is_lost_or_doubled_when_the_server_is_killed(
    page: Any, server: PagesServer, store: StorageBackend, watched: Mapping[str, Watched]
) -> None:
    def happens(content: str) -> None:
        _fails(store, Clip(f"/clips/{content}.mp4", content))

    page.expected.append("ERR_")  # while nobody answers
    page.goto(server.address, wait_until="domcontentloaded")
    page.evaluate(
        """async () => {
            const {live} = await import("/static/js/live.js");
            window.numbers = [];
            const number = (one) => one.number;
            live.addEventListener("jobs", (event) => numbers.push(...event.detail.events.map(number)));
        }"""
    )
    page.wait_for_function("() => document.querySelector('.bar .dot.good')")
    happens("e")
    page.wait_for_function("() => numbers.length > 0")
    server.kill()
    happens("f")
    server.start()
    newest = store.newest_event()
    page.wait_for_function("newest => numbers.at(-1) >= newest", arg=newest)
    numbers = page.evaluate("() => numbers")
    assert numbers == list(range(numbers[0], newest + 1))


COMPLETED_SCENES = """
() => {
  const rows = [...document.querySelectorAll("section[aria-label=Pipelines] tbody tr")];
  const row = rows.find((one) => one.children[0].textContent === "Scenes");
  return row ? Number(row.children[2].textContent) : null;
}
"""


def test_the_numbers_of_a_run_move_on_a_page_that_is_not_loaded_again(
    page: Any, server: PagesServer, folder: Path, watched: Mapping[str, Watched]
) -> None:
    (folder / "new").mkdir()
    clips = [counting(folder / "new", frames=frames, fps=25).path for frames in (20, 30)]
    page.goto(server.address, wait_until="domcontentloaded")
    page.wait_for_function(f"() => ({COMPLETED_SCENES})() !== null")
    before = page.evaluate(COMPLETED_SCENES)
    page.evaluate("() => { window.isTheSamePage = true; }")
    where = ("--out", folder, "--cluster", "none", "--no-files")
    ran = finished("run", *clips, *where, "--pipelines", "scene", "--preset", "embedded")
    assert ran.returncode == 0, ran.stderr
    page.wait_for_function(f"least => ({COMPLETED_SCENES})() >= least", arg=before + len(clips))
    page.locator(".news li").first.wait_for()
    assert page.evaluate("() => window.isTheSamePage") is True


def test_what_several_runs_do_of_a_pipeline_is_added_up_and_each_state_has_its_hours(
    page: Any, server: PagesServer, watched: Mapping[str, Watched]
) -> None:
    page.goto(server.address, wait_until="domcontentloaded")
    states = page.locator("section[aria-label='Videos by state'] .state")
    states.first.wait_for()
    page.locator(".news li").first.wait_for()  # of what happened before
    assert {"completed", "running", "pending", "failed"} <= {
        text.split()[1] for text in states.all_inner_texts()
    }
    assert states.first.inner_text().endswith(" s")  # of the clips
    lane = {"pipeline": "scene_detection", "frames_done": 5, "frames_total": 20}
    runs = [{"lanes": [lane]}, {"lanes": []}, {"lanes": [{**lane, "frames_done": 7}]}]
    added = page.evaluate(
        """async (runs) => {
            const {lanesOf} = await import("/static/js/pages/overview.js");
            return Object.fromEntries(lanesOf(runs));
        }""",
        runs,
    )
    assert added == {"scene_detection": {"frames_done": 12, "frames_total": 40}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    chromium: Any, server: PagesServer, watched: Mapping[str, Watched], scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    paths = ["/", "/videos", "/search", "/people", "/exports", "/quality", "/errors", "/resources", "/help"]
    for path in [*paths, f"/videos/{watched['constant'].video_id}"]:
        with strict_page(chromium, server, color_scheme=scheme) as opened:
            opened.expected.append("422")
            opened.goto(server.address + path, wait_until="domcontentloaded")
            opened.wait_for_function(
                "() => document.querySelector('main h1') && !document.querySelector('.loading')"
            )
            opened.wait_for_timeout(300)
            found = Axe().run(opened).response["violations"]
            serious = [one for one in found if one["impact"] in ("serious", "critical")]
            assert serious == [], f"{path}: {json.dumps(serious, indent=1)[:2000]}"
