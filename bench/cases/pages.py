"""Benchmark of the pages: Review on a long video, and Videos over a large collection, in Chromium."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.fixtures.long_review import make_long_review
from bench.fixtures.served_collection import make_collection
from bench.harness.page_server import TOKEN, page_server
from bench.harness.report import table
from bench.page_pictures import READY, WAIT_MS, browser

TITLE = "The pages"
VIDEO_S: Final = 3 * 3600
VIDEOS: Final = 10_000
QUICK_VIDEO_S: Final = 600
QUICK_VIDEOS: Final = 300
SEEKS: Final = 20
SEED: Final = 7
PICTURE: Final = "() => document.querySelector('video')?.readyState >= 2"
BOXES: Final = f"() => ({PICTURE})() && globalThis.review?.drawnFrame === review.player.frame"
LISTED: Final = "() => document.querySelectorAll('tbody tr').length >= 100"


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """Seconds until each page shows what it is for, the first time and again, and those of seeks."""
    video_s, videos = (QUICK_VIDEO_S, QUICK_VIDEOS) if quick else (VIDEO_S, VIDEOS)
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name, browser() as launched:
        long, many = Path(name, "long"), Path(name, "many")
        for folder in (long, many):
            folder.mkdir()
        video = make_long_review(long, video_s)
        make_collection(f"sqlite:///{many}/batch_processing.db", videos)
        with page_server(long, long / "cache") as address:
            path = f"{address}/videos/{video.video_id}"
            review = [_seconds_until(launched, path, PICTURE, BOXES, READY) for _ in range(rounds)]
            seeks, boxes, wrong = _seeks(launched, path, len(video.index))
        with page_server(many, many / "cache") as address:
            listed = [_seconds_until(launched, f"{address}/videos", LISTED) for _ in range(rounds)]
    return {
        "video_s": video_s,
        "frames": len(video.index),
        "videos": videos,
        "picture_s": _first_and_again([picture for picture, _, _ in review]),
        "boxes_s": _first_and_again([boxes for _, boxes, _ in review]),
        "timeline_s": _first_and_again([timeline for _, _, timeline in review]),
        "seek_s": {"median": statistics.median(seeks), "max": max(seeks), "wrong": wrong},
        "seek_boxes_s": {"median": statistics.median(boxes), "max": max(boxes)},
        "videos_s": _first_and_again([rows for (rows,) in listed]),
    }


def _first_and_again(seconds: list[float]) -> dict[str, float]:
    return {"first": seconds[0], "again": statistics.median(seconds[1:] or seconds)}


@contextmanager
def _opened(launched: Any, address: str) -> Iterator[Any]:
    """A page of a browser that has nothing of the server yet."""
    context = launched.new_context(viewport={"width": 1280, "height": 860})
    context.add_cookies([{"name": "vaengine_token", "value": TOKEN, "url": address}])
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    try:
        yield page
    finally:
        context.close()


def _seconds_until(launched: Any, address: str, *conditions: str) -> list[float]:
    """Seconds from opening a page until each of some conditions holds, one after the other."""
    seconds = []
    with _opened(launched, address) as page:
        began = time.perf_counter()
        page.goto(address, wait_until="domcontentloaded")
        for condition in conditions:
            page.wait_for_function(condition)
            seconds.append(time.perf_counter() - began)
    return seconds


def _seeks(launched: Any, address: str, frames: int) -> tuple[list[float], list[float], int]:
    """Seconds of seeks to anywhere, until the picture and until its boxes; how many showed another frame."""
    chosen, pictures, boxes, wrong = random.Random(SEED), [], [], 0
    with _opened(launched, address) as page:
        page.goto(address, wait_until="domcontentloaded")
        page.wait_for_function(BOXES)  # while the server still makes the timeline
        for _ in range(SEEKS):
            began = time.perf_counter()
            is_right = page.evaluate("frame => review.player.seek(frame)", chosen.randrange(frames))
            pictures.append(time.perf_counter() - began)
            page.wait_for_function(BOXES)
            boxes.append(time.perf_counter() - began)
            wrong += is_right is not True
    return pictures, boxes, wrong


def described(measured: Mapping[str, Any]) -> str:
    """The case's table."""
    seek, seek_boxes = measured["seek_s"], measured["seek_boxes_s"]
    rows = [
        [what, f"{measured[name]['first']:.1f} s", f"{measured[name]['again']:.1f} s"]
        for what, name in (
            ("Review until the picture is there", "picture_s"),
            ("Review until it has its boxes", "boxes_s"),
            ("Review until the timeline is there", "timeline_s"),
            ("Videos until its first 100 rows", "videos_s"),
        )
    ]
    return "\n\n".join(
        [
            f"Review of a video of {measured['video_s'] / 3600:g} h with {measured['frames']:,} frames, and "
            f"Videos over {measured['videos']:,} videos, in Chromium with nothing in its cache. The first "
            "time the server has just been started.",
            table(["", "first", "again"], rows),
            f"A seek to anywhere: the picture after {seek['median'] * 1e3:.0f} ms, at most "
            f"{seek['max'] * 1e3:.0f} ms, its boxes after {seek_boxes['median'] * 1e3:.0f} ms, at most "
            f"{seek_boxes['max'] * 1e3:.0f} ms; {seek['wrong']} of {SEEKS} showed another frame.",
        ]
    )
