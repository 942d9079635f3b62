"""What becomes of a request that fails."""

from __future__ import annotations

import pytest

from actors.sources.access import MAX_DELAY_S, TRIES, ShortAnswer, delay_s, failure_of, requested
from schemas.errors import (
    AccessDenied,
    FileChanged,
    NoByteRanges,
    NothingThere,
    SourceUnavailable,
    Unreadable,
    VideoError,
)

URL = "s3://bucket/a.mp4"


class Answer(Exception):
    """An answer of a web server, as aiohttp raises it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status, self.message = status, "what it said"


class ClientError(Exception):
    """An answer of a cloud, as botocore raises it."""

    def __init__(self, status: int, code: str = "") -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


def hidden(cause: Exception) -> Exception:
    """fsspec's error for any answer to its question of what is there."""
    error = FileNotFoundError(URL)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (Answer(404), NothingThere),
        (Answer(410), NothingThere),
        (FileNotFoundError(URL), NothingThere),
        (hidden(Answer(404)), NothingThere),
        (Answer(401), AccessDenied),
        (hidden(Answer(403)), AccessDenied),
        (PermissionError("Access Denied"), AccessDenied),
        (Answer(412), FileChanged),
        (ClientError(412, "PreconditionFailed"), FileChanged),
        (ValueError("The HTTP server doesn't appear to support range requests."), NoByteRanges),
        (Answer(500), SourceUnavailable),
        (Answer(503), SourceUnavailable),
        (Answer(429), SourceUnavailable),
        (hidden(Answer(500)), SourceUnavailable),
        (ClientError(200, "SlowDown"), SourceUnavailable),
        (TimeoutError(), SourceUnavailable),
        (ConnectionResetError(), SourceUnavailable),
        (ShortAnswer("3 of 4 bytes came"), SourceUnavailable),
        (Answer(400), Unreadable),
        (RuntimeError("something else"), Unreadable),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value),
)
def test_an_answer_is_one_of_our_errors(raised: Exception, told: type[VideoError]) -> None:
    failure = failure_of(URL, raised)
    assert type(failure) is told
    assert str(failure).startswith(f"{URL}: ")
    assert failure.transient == (told is SourceUnavailable)


class Server:
    """Raises its faults one after the other, then answers."""

    def __init__(self, *faults: Exception) -> None:
        self.faults, self.asked, self.waited_s = list(faults), 0, list[float]()

    def __call__(self) -> str:
        self.asked += 1
        if self.faults:
            raise self.faults.pop(0)
        return "answer"


def test_a_request_is_repeated_until_the_server_answers_again() -> None:
    server = Server(Answer(500), TimeoutError(), Answer(503))
    assert requested(URL, server, sleep=server.waited_s.append) == "answer"
    assert server.asked == 4
    assert len(server.waited_s) == 3


def test_a_server_that_never_answers_is_asked_so_often_and_no_more() -> None:
    server = Server(*(Answer(500) for _ in range(TRIES)))
    with pytest.raises(SourceUnavailable, match=rf"HTTP status 500, what it said; {TRIES} tries"):
        requested(URL, server, sleep=server.waited_s.append)
    assert server.asked == TRIES


@pytest.mark.parametrize("fault", [Answer(404), Answer(403), Answer(412)])
def test_what_another_try_cannot_cure_is_told_at_once(fault: Exception) -> None:
    server = Server(fault)
    with pytest.raises(VideoError):
        requested(URL, server, sleep=server.waited_s.append)
    assert server.asked == 1


def test_delays_grow_to_a_limit_and_are_spread() -> None:
    delays = [delay_s(number, 1.0) for number in range(1, 12)]
    assert delays == sorted(delays)
    assert delays[-1] == MAX_DELAY_S
    assert delay_s(3, 0.0) == delay_s(3, 1.0) / 2
