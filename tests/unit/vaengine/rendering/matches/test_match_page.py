"""A page of matches: whole in itself, escaped, and with a picture of each."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from schemas.annotations.annotation import BBox
from vaengine.queries.match import Match
from vaengine.rendering.matches.match_page import PICTURE_PIXELS, match_page
from vaengine.rendering.matches.match_pictures import MatchPicture

MATCH = Match("talk-1a2b3c4d", "/films/talk.mp4", 61.5, 63.0, "Anna near laughter", 0.5, ("x",))
GREY = np.full((120, 160, 3), 128, np.uint8)


class Read(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def page_of(*pictures: MatchPicture, title: str = "person near laughter", **facts: object) -> str:
    return match_page(pictures, title=title, total=len(pictures), **facts)  # type: ignore[arg-type]


def test_each_match_is_a_card_with_its_video_time_reason_score_and_a_frame_around_what_was_found() -> None:
    page = page_of(MatchPicture(MATCH, GREY, 62.0, BBox(10, 20, 30, 40)), notes=["right to 5 s"])
    read = Read(page)
    assert [one["aria-label"] for one in read.named("article")] == ["1: talk.mp4, 1:01.5 – 1:03.0"]
    assert all(text in read.text for text in ("talk.mp4", "0.50", "Anna near laughter", "right to 5 s"))
    assert {one["x"] for one in read.named("rect")} == {"10.0"}
    (image,) = read.named("image")
    kind, _, data = str(image["href"]).partition(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(BytesIO(base64.b64decode(data))).size == (160, 120)


def test_a_large_picture_is_made_smaller_and_one_that_is_missing_says_why() -> None:
    large = MatchPicture(MATCH, np.zeros((1000, 2000, 3), np.uint8), 62.0)
    read = Read(page_of(large, MatchPicture(MATCH, None, 62.0, None, "the file is <gone>")))
    (image,) = read.named("image")
    data = base64.b64decode(str(image["href"]).partition(",")[2])
    assert Image.open(BytesIO(data)).size == (PICTURE_PIXELS, PICTURE_PIXELS // 2)
    assert "the file is <gone>" in read.text


def test_nothing_is_asked_for_from_elsewhere_and_only_its_own_style_and_script_may_run() -> None:
    page = page_of(MatchPicture(MATCH, GREY, 62.0))
    read = Read(page)
    assert re.findall(r"(?:https?:|//\w|url\(|@import|\ssrc=)", page) == []
    (policy, *_) = [one["content"] for one in read.named("meta") if "http-equiv" in one]
    assert str(policy).startswith("default-src 'none'")
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in str(policy)


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=30))
def test_whatever_a_video_or_a_reason_is_called_it_is_text_and_no_markup(name: str) -> None:
    hostile = f'{name}"><script>alert(1)</script><img src=x onerror=y>'
    match = Match("v-1", f"/films/{hostile}", 0.0, 1.0, hostile, None)
    read = Read(page_of(MatchPicture(match, None, 0.0, None, hostile), title=hostile, notes=[hostile]))
    assert [tag for tag, _ in read.tags].count("script") == 1
    assert read.named("img") == []
    assert all(not name.startswith("on") for _, attributes in read.tags for name in attributes)


@pytest.mark.parametrize(
    ("shown", "total", "line"), [(1, 1, "1 match, best"), (1, 9, "9 matches, the first 1 shown")]
)
def test_it_says_how_many_there_are(shown: int, total: int, line: str) -> None:
    assert line in match_page([MatchPicture(MATCH, GREY, 1.0)] * shown, title="", total=total)
    assert "Nothing was found." in page_of()
