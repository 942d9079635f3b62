"""Bodies that come slowly or not at all: they are given up, and hold up nobody meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from schemas.errors import InvalidSetting
from tests.support.stores.served import BASE, TOKEN, settings_of
from vaengine.server.app import make_app
from vaengine.server.settings import ServerSettings

HEADERS = {"authorization": f"Bearer {TOKEN}"}
END_S = 60.0  # far more than any of this takes


def _settings(folder: Path) -> ServerSettings:
    return settings_of(f"sqlite:///{folder}/s.db", folder)


async def _stops() -> AsyncIterator[bytes]:
    yield b"a beginning"
    await asyncio.Event().wait()


async def _drips() -> AsyncIterator[bytes]:
    while True:
        yield b"x"
        await asyncio.sleep(0)


async def _sent(
    settings: ServerSettings, method: str, path: str, body: AsyncIterator[bytes]
) -> httpx.Response:
    transport = httpx.ASGITransport(make_app(settings))
    async with asyncio.timeout(END_S), httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        return await client.request(method, path, content=body, headers=HEADERS)


@pytest.mark.parametrize("path", ["PUT /api/uploads/clip.mp4", "POST /api/query"])
@pytest.mark.parametrize("body", [_stops, _drips])
def test_a_body_that_stops_or_drips_is_given_up_and_leaves_nothing(
    tmp_path: Path, path: str, body: Callable[[], AsyncIterator[bytes]]
) -> None:
    hasty = replace(_settings(tmp_path), max_body_pause_s=0.1, min_body_bytes_per_second=10**9)
    answer = asyncio.run(_sent(hasty, *path.split(), body()))
    assert answer.status_code == 408, answer.text
    assert answer.headers["connection"] == "close"
    error = answer.json()["error"]
    assert (error["kind"], error["where"]) == ("request_timeout", path)
    assert "too slowly: nothing for 0.1 s" in error["what"]
    assert [*(tmp_path / "uploads").rglob("*")] == []


def test_an_upload_that_waits_for_its_client_holds_up_nobody(tmp_path: Path) -> None:
    async def answered() -> tuple[list[int], list[int]]:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"no "
            begun.set()
            await go_on.wait()
            yield b"video"

        transport = httpx.ASGITransport(make_app(_settings(tmp_path)))
        async with (
            asyncio.timeout(END_S),
            httpx.AsyncClient(transport=transport, base_url=BASE, headers=HEADERS) as client,
        ):
            uploads = [
                asyncio.create_task(client.put("/api/uploads/slow.mp4", content=slow())) for _ in range(10)
            ]
            await begun.wait()
            others = [
                (await client.get("/api/health")).status_code,
                (await client.put("/api/uploads/other.txt", content=b"x")).status_code,
            ]
            assert not any(one.done() for one in uploads)
            go_on.set()
            return others, [(await one).status_code for one in uploads]

    assert asyncio.run(answered()) == ([200, 400], [422] * 10)


def test_limits_of_bodies_that_nothing_would_pass_are_refused(tmp_path: Path) -> None:
    for name in ("max_body_pause_s", "min_body_bytes_per_second"):
        with pytest.raises(InvalidSetting, match=name):
            replace(_settings(tmp_path), **{name: 0})
