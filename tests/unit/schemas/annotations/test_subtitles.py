"""Subtitles and speakers' turns as text: what is said is there once, in order, readable, and cannot
become markup.
"""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.annotations.annotation import SPEAKER, SPEECH, WORD, Annotation
from schemas.annotations.subtitles import LINE_LENGTH, MAX_LINES, Cue, cues, rttm, speaker_name, srt, webvtt
from schemas.pipelines import AUDIO

TIMES = re.compile(r"(\d{2,}):(\d\d):(\d\d)[.,](\d{3}) --> (\d{2,}):(\d\d):(\d\d)[.,](\d{3})")
LONG = (
    "nobody reads more than two lines at once which is why a long text is shown in several parts one "
    "after the other"
)

texts = st.text(st.sampled_from("abé漢 <>&-\n\r\t.'\u00a0\u2028"), max_size=300)


def row(
    kind: str, start_s: float, end_s: float | None, speaker: str | None = None, **attributes: object
) -> Annotation:
    return Annotation(
        f"{kind}{start_s}", "v", AUDIO, "c", kind, start_s, end_s, speaker_id=speaker, attributes=attributes
    )


def said(text: str, start_s: float = 0.0, end_s: float = 10.0, speaker: str | None = None) -> Annotation:
    return row(SPEECH, start_s, end_s, speaker, text=text)


def spans(text: str) -> list[tuple[int, int]]:
    """Start and end of every cue, in milliseconds."""
    found = [[int(part) for part in match.groups()] for match in TIMES.finditer(text)]
    return [tuple(((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (one[:4], one[4:])) for one in found]


def test_speech_is_a_cue_with_its_speaker_as_voice() -> None:
    assert webvtt([said("Good morning.", 1.0, 2.5, "speaker_0002")]) == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\n<v Speaker 2>Good morning.</v>\n"
    )
    assert srt([said("Good morning.", 3601.0, 3602.5)]) == "1\n01:00:01,000 --> 01:00:02,500\nGood morning.\n"


def test_subrip_names_a_speaker_where_another_one_begins() -> None:
    rows = [
        said(text, n, n + 1, speaker)
        for n, (text, speaker) in enumerate([("a", "speaker_0001"), ("b", "speaker_0001"), ("c", "anna")])
    ]
    assert [line for line in srt(rows).splitlines() if line and not line[0].isdigit()] == [
        "Speaker 1: a",
        "b",
        "anna: c",
    ]


def test_turns_are_rttm_of_ten_fields() -> None:
    turns = [
        row(SPEAKER, 4.0, 5.25, "speaker_0002"),
        row(SPEAKER, -0.5, 1.5, "speaker_0001"),
        row(SPEAKER, -2, -1, "speaker_0001"),
    ]
    assert rttm(turns, "my clip").splitlines() == [
        "SPEAKER my_clip 1 0.000 1.500 <NA> <NA> speaker_0001 <NA> <NA>",
        "SPEAKER my_clip 1 4.000 1.250 <NA> <NA> speaker_0002 <NA> <NA>",
    ]


def test_what_begins_before_the_first_frame_is_cut_there_and_what_ends_before_it_is_left_out() -> None:
    rows = [said("gone", -2.0, -1.0), said("gone too", -2.0, 0.0), said("half", -1.0, 0.5)]
    assert [(cue.start_s, cue.end_s, cue.lines) for cue in cues(rows)] == [(0.0, 0.5, ("half",))]


def test_where_nothing_is_said_there_is_no_text_at_all() -> None:
    rows = [said(" \n", 0, 1), row(SPEECH, 0, 1), row("loudness", 0, 1, rms_dbfs=-20.0)]
    assert (webvtt(rows), srt(rows), rttm(rows, "v")) == ("", "", "")


def test_a_long_text_is_shown_in_parts_that_change_in_proportion_to_what_is_read() -> None:
    shown = cues([said(LONG)])
    assert len(shown) == 2
    assert " ".join(line for cue in shown for line in cue.lines) == LONG
    assert (
        shown[0].end_s
        == shown[1].start_s
        == pytest.approx(10 * len(" ".join(shown[0].lines)) / (len(LONG) - 1))
    )


def test_a_long_text_changes_at_the_very_word_where_its_words_are_known() -> None:
    words = LONG.split()
    rows = [
        said(LONG),
        *(row(WORD, 0.1 * n, 0.1 * n + 0.05, word=word) for n, word in enumerate(words)),
        row(WORD, 11.0, 12.0, word="late"),
    ]
    first, second = cues(rows)
    begins = len(" ".join(first.lines).split())
    assert (first.end_s, second.start_s) == (0.1 * begins, 0.1 * begins)


@given(texts, st.floats(-5, 1e5), st.floats(0, 60))
def test_every_character_that_is_said_is_read_once_in_at_most_two_lines(
    text: str, start_s: float, length_s: float
) -> None:
    shown = cues([said(text, start_s, start_s + length_s)])
    if start_s + length_s > 0:
        assert "".join("".join(cue.lines).replace(" ", "") for cue in shown) == "".join(text.split())
    assert all(0 < len(cue.lines) <= MAX_LINES and all(cue.lines) for cue in shown)
    assert all(one.end_s == other.start_s for one, other in pairwise(shown))


@given(st.text(st.sampled_from("ab "), max_size=400))
def test_lines_are_as_long_as_a_guideline_allows_unless_words_are_longer(text: str) -> None:
    longest = max(map(len, text.split()), default=0)
    for cue in cues([said(text)]):
        assert max(map(len, cue.lines)) <= LINE_LENGTH + longest


@example("<", "--")
@given(texts, st.none() | texts)
def test_no_text_becomes_markup_or_another_cue(text: str, speaker: str | None) -> None:
    rows = [said(text, 0.0, 1.0, speaker), row(SPEAKER, 0.0, 1.0, speaker)]
    read = webvtt(rows)
    blocks = read.strip().split("\n\n")[1:]
    assert len(blocks) == len(cues(rows)) == read.count("-->")
    bodies = [block.split("\n", 1)[1] for block in blocks]
    assert all(re.fullmatch(r"(<v [^<>]+>)?[^<>]*(</v>)?", body) for body in bodies)
    spoken = "".join(unescape(re.sub(r"^<v [^>]*>|</v>$", "", body)) for body in bodies)
    assert "".join(spoken.split()) == "".join(text.split())
    assert srt(rows).count("-->") == len(cues(rows))
    assert all(len(line.split(" ")) == 10 for line in rttm(rows, text).splitlines())


@given(st.lists(st.tuples(st.floats(-3, 9), st.floats(0, 3)), max_size=6))
def test_cues_are_in_order_and_each_lasts_in_every_format(some: list[tuple[float, float]]) -> None:
    rows = [said(f"word {n}", start_s, start_s + length_s) for n, (start_s, length_s) in enumerate(some)]
    assert spans(webvtt(rows)) == spans(srt(rows)) == sorted(spans(srt(rows)), key=lambda span: span[0])
    assert all(start < end for start, end in spans(webvtt(rows)))


@pytest.mark.parametrize(
    ("identity", "name"),
    [("speaker_0012", "Speaker 12"), ("SPEAKER_00", "SPEAKER_00"), ("anna\nmaria", "anna maria")],
)
def test_speakers_have_names_to_be_read(identity: str, name: str) -> None:
    assert speaker_name(identity) == name


@pytest.mark.parametrize(
    ("start_s", "end_s", "lines"),
    [(-1.0, 1.0, ("a",)), (2.0, 1.0, ("a",)), (0.0, 1.0, ()), (0.0, 1.0, ("a", "b", "c"))],
)
def test_an_impossible_cue_is_refused(start_s: float, end_s: float, lines: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="impossible cue"):
        Cue(start_s, end_s, lines)
