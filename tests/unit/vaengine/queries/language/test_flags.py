"""The options of the command line make the same documents as files do."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import UsageError
from vaengine.queries.language.flags import QueryFlags, seconds_of
from vaengine.queries.language.parsing import query_of


@pytest.mark.parametrize(
    ("flags", "document"),
    [
        (
            QueryFlags("videos", person="A", relations=[("near", "sound:laughter")], within="5s"),
            {
                "find": "person:A",
                "steps": [{"relation": "near", "to": "sound:laughter", "within_s": 5}],
                "answers": "videos",
            },
        ),
        (QueryFlags("faces", region="top-left"), {"find": {"kind": "face", "region": "top-left"}}),
        (
            QueryFlags("faces", region="0,0,0.5,1", mode="fraction>=0.5", min_confidence=0.6),
            {
                "find": {
                    "kind": "face",
                    "min_confidence": 0.6,
                    "region": {"right": 0.5, "mode": "fraction", "fraction": 0.5},
                }
            },
        ),
        (
            QueryFlags("scenes", counts=["person>3"], coverages=["speech+voice>=0.5"]),
            {
                "find": "scene",
                "where": [{"count": "person", "gt": 3}, {"coverage": ["speech", "voice"], "ge": 0.5}],
            },
        ),
        (
            QueryFlags("scenes", counts=["person at once<=2"], means=["loudness>=75%"], lasting=[">2"]),
            {
                "find": "scene",
                "where": [
                    {"count": "person", "concurrent": True, "le": 2},
                    {"mean": "rms_dbfs", "percentile": 75},
                    {"duration": True, "gt": 2},
                ],
            },
        ),
        (
            QueryFlags("persons", without=["near sound:loud music 2s", "overlaps speech"]),
            {
                "find": "person",
                "where": [
                    {"not": {"relation": "near", "to": "sound:loud music", "within_s": 2}},
                    {"not": {"relation": "overlaps", "to": "speech"}},
                ],
            },
        ),
        (
            QueryFlags("videos", counts=["scene=1"]),
            {"find": "video", "where": [{"count": "scene", "eq": 1}], "answers": "moments"},
        ),
    ],
)
def test_options_mean_a_document(flags: QueryFlags, document: dict[str, Any]) -> None:
    assert flags.document() == query_of(document)


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5.0), ("5s", 5.0), ("1.5m", 90.0), ("200 ms", 0.2), ("1h", 3600.0)]
)
def test_times_have_units(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (QueryFlags("persons", relations=[("near", "sound")]), "near needs"),
        (QueryFlags("persons", relations=[("near", "sound")], within="soon"), "no length of time"),
        (QueryFlags("scenes", counts=["person"]), "no comparison"),
        (QueryFlags("scenes", means=["speech>1"]), "loudness or peak"),
        (QueryFlags("scenes", coverages=["speech<75%"]), "lower limit"),
        (QueryFlags("persons", without=["beside speech"]), "no relation"),
        (QueryFlags("faces", mode="inside"), "give one"),
        (QueryFlags("videos", relations=[("overlaps", "sound")]), "say what is to be in the videos"),
        (QueryFlags("faces", region="0,0,x,1"), "no number"),
    ],
)
def test_a_mistake_in_an_option_is_said(flags: QueryFlags, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        flags.document()
