"""Draws the pages over a real run: `python -m bench.page_pictures RESULTS FOLDER VIDEO_ID [PAGE ...]`.

With `--all` in the place of pages, every page in both themes and three widths, for whoever designs them.
Needs Chromium and the test group's playwright. The server listens on a free port of this machine, and keeps
its pictures beside the drawn ones, not in the user's cache.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench.harness.page_server import TOKEN, page_server

COLOURS: Final = 256  # of a picture: pages are flat, and photographs in them small
SCREENS: Final = ((360, 780), (1280, 860), (2560, 1300))
WAIT_MS: Final = 180_000
SETTLED_MS: Final = 1500  # for figures that come by themselves
READY: Final = "() => globalThis.review?.state.isReady && review.drawnFrame !== null"
PICTURES: Final = """
() => [...document.images]
  .filter((image) => image.getBoundingClientRect().top < innerHeight)
  .every((image) => image.naturalWidth || image.classList.contains("broken"))
"""


@dataclass(frozen=True, slots=True)
class Shot:
    """A page at an address, and when it is drawn: as soon as `ready`, a selector or a function, holds."""

    name: str
    address: str
    ready: str
    scheme: str = "light"
    width: int = 1280
    height: int = 860


def shots(video_id: str) -> list[Shot]:
    """All pages; the review page in both themes and on a telephone."""
    review = f"/videos/{video_id}?t=2"
    return [
        Shot("review", review, READY),
        Shot("review-dark", review, READY, "dark"),
        Shot("review-narrow", review, READY, width=360, height=780),
        Shot("overview", "/", ".state"),
        Shot("videos", "/videos", "tbody tr"),
        Shot("search", "/search?find=face", ".moment"),
        Shot("people", "/people", ".card"),
        Shot("exports", "/exports", "section", "light"),
        Shot("quality", "/quality", "tbody tr", "dark"),
        Shot("errors", "/errors", ".card"),
        Shot("resources", "/resources", ".plot canvas", "dark"),
        Shot("help", "/help", ".keys"),
    ]


def all_shots(video_id: str) -> list[Shot]:
    """Every page in both themes, on a telephone, a laptop and a large screen."""
    pages = {shot.address: shot for shot in reversed(shots(video_id))}.values()
    return [
        replace(shot, name=f"{shot.name}-{scheme}-{width}", scheme=scheme, width=width, height=height)
        for shot in pages
        for scheme in ("light", "dark")
        for width, height in SCREENS
    ]


def main() -> int:
    """Draw the pages of the results in the first folder into the second, with the video of an id."""
    results, target, video_id, *names = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as cache,
        page_server(results, Path(cache)) as address,
        browser() as launched,
    ):
        drawn = all_shots(video_id) if names == ["--all"] else shots(video_id)
        for shot in (one for one in drawn if names in ([], ["--all"]) or one.name in names):
            (target / f"{shot.name}.png").write_bytes(_small(_drawn(launched, address, shot)))
            print(f"{target / shot.name}.png")
    return 0


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium of this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])


def _drawn(launched: Any, address: str, shot: Shot) -> bytes:
    context = launched.new_context(
        viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme
    )
    context.add_cookies([{"name": "vaengine_token", "value": TOKEN, "url": address}])
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address + shot.address, wait_until="domcontentloaded")
    if shot.ready.startswith("()"):
        page.wait_for_function(shot.ready)
    else:
        page.wait_for_selector(shot.ready)
    page.wait_for_timeout(SETTLED_MS)
    page.wait_for_function(PICTURES)
    picture: bytes = page.screenshot()
    context.close()
    return picture


def _small(png: bytes) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
