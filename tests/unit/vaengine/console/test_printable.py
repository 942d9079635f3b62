"""What is printed cannot command the terminal that shows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaengine.console.output import Table, printable, say

OBEYED = "\x1b\x07\r\x9b\u202e\u2066"


@given(st.text())
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    assert not set(printable(text)) & set(OBEYED)


@pytest.mark.parametrize("text", ["ünïcode – 'quote", "日本語", "two\nlines\tand a tab", "\U0001f3a5"])
def test_what_can_be_shown_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_a_file_name_with_an_escape_sequence_is_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    say("error: \x1b[31mred\x07.mp4 does not exist")
    assert capsys.readouterr().err == "error: \\x1b[31mred\\x07.mp4 does not exist\n"
    assert Table(("video",), (("a\x1b[2J\nb.mp4",),)).lines() == ["video", "a\\x1b[2J\\nb.mp4"]
