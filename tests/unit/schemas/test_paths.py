"""Locations of files: paths and URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.media.video import safe_stem
from schemas.paths import absolute_location, is_url, location_of, name_of, scheme_of


@pytest.mark.parametrize(
    ("location", "scheme", "name", "stem"),
    [
        ("/films/a b.mp4", "", "a b.mp4", "a_b"),
        ("s3://bucket/films/a b#1.mp4", "s3", "a b#1.mp4", "a_b_1"),
        ("gs://bucket/films/", "gs", "films", "films"),
        ("HTTPS://host/films/a%20b.mp4?sig=1/2", "https", "a b.mp4", "a_b"),
        ("relative/a.mp4", "", "a.mp4", "a"),
        ("c:/films/a.mp4", "", "a.mp4", "a"),
    ],
)
def test_a_location_has_a_scheme_and_a_name(location: str, scheme: str, name: str, stem: str) -> None:
    assert (scheme_of(location), is_url(location), name_of(location)) == (scheme, bool(scheme), name)
    assert safe_stem(location) == stem


def test_paths_become_absolute_and_urls_stay() -> None:
    assert absolute_location("a/../b.mp4", Path("/films")) == "/films/b.mp4"
    assert absolute_location("S3://Bucket/A", Path("/films")) == "s3://Bucket/A"
    assert absolute_location("file:///films/a%20b.mp4") == "/films/a b.mp4"


@pytest.mark.parametrize("location", ["/films/a.mp4", "s3://bucket/a.mp4", "https://host:8/a.mp4?x=y"])
def test_a_location_survives_being_a_path_object(location: str) -> None:
    assert location_of(Path(location)) == location
