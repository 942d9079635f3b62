"""Bodies of requests that come too slowly are given up, so that their connections are free again."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from vaengine.server.settings import ServerSettings


def received_in_time(receive: Receive, settings: ServerSettings) -> Receive:
    """As `receive`; raises `HTTPException` for a body that pauses too long, or is too slow as a whole.

    Each byte that came gives the rest of the body more time. After the body nothing is limited: whoever waits
    for the client to leave waits as long as it stays.
    """
    loop = asyncio.get_running_loop()
    pause_s, pace = settings.max_body_pause_s, settings.min_body_bytes_per_second
    ends_at_s, is_whole = loop.time() + pause_s, False

    async def receive_in_time() -> Message:
        nonlocal ends_at_s, is_whole
        if is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(min(ends_at_s, loop.time() + pause_s)):
                message = await receive()
        except TimeoutError as error:
            raise _too_slow(pause_s, pace) from error
        ends_at_s += len(message.get("body", b"")) / pace
        is_whole = not message.get("more_body", False)
        return message

    return receive_in_time


def _too_slow(pause_s: float, pace: int) -> HTTPException:
    """The error; its answer ends the connection, or the client could go on with a body that nobody reads."""
    return HTTPException(
        HTTPStatus.REQUEST_TIMEOUT,
        f"the body came too slowly: nothing for {pause_s:g} s, or less than {pace} bytes a second",
        {"connection": "close"},
    )
