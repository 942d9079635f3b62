"""`vaengine.Client`: a server of vaengine from Python, without a store or Ray on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

import httpx

from schemas.errors import ServerRefused, ServerUnreachable
from vaengine.requests.server_token import known_token

DEFAULT_URL: Final = "http://127.0.0.1:8321"
TIMEOUT_S: Final = 60.0
QUERY_TIMEOUT_S: Final = 600.0
MAX_RECONNECTS: Final = 60  # one after the other without an event between them
MAX_WAITS: Final = 60  # of one request, for a server that says when it may be sent again
MAX_WAIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """A message of the event stream: its name, its content, and its number where it has one."""

    name: str
    data: Mapping[str, Any]
    number: int | None


class Client:
    """Asks a server of vaengine and submits batches to it; every answer is plain data, as in its API.

    `url` is the address that `vaengine serve` printed. `token` is by default `VAENGINE_TOKEN`, else the token
    of this user's own servers. A server that is asked too often is asked again when it says so. Every call
    raises `ServerRefused` with what the server says, and `ServerUnreachable`. A `with` block or `close` ends
    the connections; for any thread.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.partition("?")[0].rstrip("/")
        given = token or known_token(os.environ)
        headers = {"authorization": f"Bearer {given}"} if given else {}
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT_S, transport=transport, trust_env=False
        )

    # Videos and what was found in them.

    def videos(self, *, page_size: int = 100, **filters: Any) -> Iterator[dict[str, Any]]:
        """Every video that passes the filters, page by page; filters are those of `/api/videos`."""
        page = None
        while True:
            given = {**filters, "limit": page_size, **({"page": page} if page else {})}
            answer = self._get("/api/videos", given)
            yield from answer["videos"]
            page = answer["next_page"]
            if page is None:
                return

    def video(self, video_id: str) -> dict[str, Any]:
        """One video with the results that are stored of it."""
        return self._get(f"/api/videos/{quote(video_id, safe='')}")

    def annotations(
        self, video_id: str, pipeline: str, *, config_hash: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """The rows of a result, of the current one unless a configuration is named."""
        path = f"/api/videos/{quote(video_id, safe='')}/results/{quote(pipeline, safe='')}"
        offset: int | None = 0
        while offset is not None:
            given = {"offset": offset, **({"config_hash": config_hash} if config_hash else {})}
            answer = self._get(path, given)
            yield from answer["rows"]
            offset = answer["next_offset"]

    def log(self, video_id: str) -> list[dict[str, Any]]:
        """What happened to a video, the oldest first."""
        found: list[dict[str, Any]] = self._checked("GET", f"/api/videos/{quote(video_id, safe='')}/log")
        return found

    def act(self, action: str, video_ids: Sequence[str]) -> dict[str, Any]:
        """Retry, cancel, pause or release the newest jobs of videos."""
        return self._send("/api/videos/actions", {"action": action, "video_ids": list(video_ids)})

    # Batches.

    def upload(self, path: str | os.PathLike[str]) -> str:
        """Send a video; returns the id that `submit` takes among its `uploads`."""
        source = Path(path)

        def send() -> httpx.Response:
            with source.open("rb") as file:
                return self._http.put(f"/api/uploads/{quote(source.name, safe='')}", content=file)

        upload_id: str = self._answered(send)["upload_id"]
        return upload_id

    def submit(
        self,
        paths: Sequence[str] = (),
        *,
        uploads: Sequence[str] = (),
        pipelines: Sequence[str] | None = None,
        preset: str | None = None,
        settings: Mapping[str, Any] | None = None,
        replace: str = "ask",
        workers: int | None = None,
    ) -> str:
        """Submit a batch for an engine of the server to run; returns its id.

        `paths` are of the server's machine.
        """
        options = {"pipelines": None if pipelines is None else list(pipelines), "preset": preset}
        wanted = {"paths": list(paths), "uploads": list(uploads), "settings": dict(settings or {})}
        answer = self._send("/api/batches", {**wanted, **options, "replace": replace, "workers": workers})
        batch_id: str = answer["batch_id"]
        return batch_id

    def batches(self) -> list[dict[str, Any]]:
        """The newest 500 batches, those that wait among them."""
        found: list[dict[str, Any]] = self._get("/api/batches", {"limit": 500})["batches"]
        return found

    def batch(self, batch_id: str) -> dict[str, Any]:
        """One batch with its progress."""
        return self._get(f"/api/batches/{quote(batch_id, safe='')}")

    def act_on_batch(self, action: str, batch_id: str) -> dict[str, Any]:
        """Retry, cancel, pause or release all jobs of a batch."""
        return self._send(f"/api/batches/{quote(batch_id, safe='')}/actions", {"action": action})

    # Questions.

    def query(self, document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Every moment that a query finds, page by page; the document is that of `vaengine query`."""
        page = document.get("page")
        while True:
            asked = {**document, **({"page": page} if page else {})}
            answer = self._send("/api/query", asked, timeout_s=QUERY_TIMEOUT_S)
            yield from answer["matches"]
            page = answer["next_page"]
            if page is None:
                return

    def similar(self, named: str = "", *, text: str | None = None, count: int = 20) -> list[dict[str, Any]]:
        """What is most like something stored, or like what a text says, best first."""
        wanted = {"named": named, "text": text, "count": count}
        found: list[dict[str, Any]] = self._checked(
            "POST", "/api/similar", json=wanted, timeout=QUERY_TIMEOUT_S
        )
        return found

    def similar_to_picture(
        self, path: str | os.PathLike[str], *, count: int = 60, face: int | None = None
    ) -> list[dict[str, Any]]:
        """The people whose faces are most like the one in a picture that is sent, best first.

        `face` is its number, from the left, where the picture has several. The server keeps no picture.
        """
        wanted = {"count": count, **({} if face is None else {"face": face})}
        content = {"content": Path(path).read_bytes(), "headers": {"content-type": "image/jpeg"}}
        found: list[dict[str, Any]] = self._checked(
            "POST", "/api/similar/picture", params=wanted, timeout=QUERY_TIMEOUT_S, **content
        )
        return found

    def people(self) -> list[dict[str, Any]]:
        """Everybody of the collection, those in most videos first."""
        found: list[dict[str, Any]] = self._checked("GET", "/api/people")
        return found

    def edit_people(self, action: str, **values: Any) -> dict[str, Any]:
        """Name, merge, split or undo, as `/api/people/edits` takes them."""
        return self._send("/api/people/edits", {"action": action, **values})

    # Exports.

    def export_formats(self) -> list[dict[str, Any]]:
        """The formats that an export can have, with the programs that open them."""
        found: list[dict[str, Any]] = self._checked("GET", "/api/exports/formats")
        return found

    def exports(self) -> list[dict[str, Any]]:
        """Every export: those at work, failed ones, and those that are ready, the newest first."""
        found: list[dict[str, Any]] = self._checked("GET", "/api/exports")
        return found

    def export(self, format: str, **options: Any) -> dict[str, Any]:
        """Have an export written, with the options of `POST /api/exports`; returns it as it waits."""
        return self._send("/api/exports", {"format": format, **options}, timeout_s=QUERY_TIMEOUT_S)

    def export_state(self, export_id: str) -> dict[str, Any]:
        """How far an export is: its `stage` is waiting, writing, ready or failed."""
        return self._get(f"/api/exports/{quote(export_id, safe='')}")

    def save_export(self, export_id: str, path: str | os.PathLike[str]) -> None:
        """Save the files of an export that is ready as a zip archive; an existing file is kept.

        Raises `FileExistsError`.
        """
        address = f"/api/exports/{quote(export_id, safe='')}/archive"
        try:
            with self._http.stream("GET", address) as answer:
                if answer.is_error:
                    answer.read()
                    raise _refusal(answer)
                with Path(path).open("xb") as file:
                    file.writelines(answer.iter_bytes())
        except httpx.TransportError as error:
            raise ServerUnreachable(self.url, str(error) or type(error).__name__) from error

    # Corrections of boxes.

    def correct(
        self,
        video_id: str,
        edits: Sequence[Mapping[str, Any]],
        *,
        revision: str | None = None,
        annotator: str = "",
    ) -> dict[str, Any]:
        """Correct boxes of a video, as `/api/videos/ID/corrections` takes edits; all of them or none.

        Without the `revision` that the edits were made of, they are of the results as they are now.
        """
        edited = {
            "revision": revision or self._revision(video_id),
            "edits": list(edits),
            "annotator": annotator,
        }
        return self._send(f"/api/videos/{quote(video_id, safe='')}/corrections", edited)

    def undo_correction(self, video_id: str, *, revision: str | None = None) -> dict[str, Any]:
        """Take back the newest correction of a video's boxes."""
        wanted = {"revision": revision or self._revision(video_id)}
        return self._send(f"/api/videos/{quote(video_id, safe='')}/corrections/undo", wanted)

    def corrections(self, video_id: str) -> list[dict[str, Any]]:
        """The corrections of a video, newest first."""
        path = f"/api/videos/{quote(video_id, safe='')}/corrections"
        found: list[dict[str, Any]] = self._checked("GET", path)
        return found

    def _revision(self, video_id: str) -> str:
        revision: str = self._get(f"/api/videos/{quote(video_id, safe='')}/review")["revision"]
        return revision

    # How it stands.

    def overview(self) -> dict[str, Any]:
        """How much is done, how fast, and how long it still takes."""
        return self._get("/api/overview")

    def health(self) -> dict[str, Any]:
        """Whether the server lives, and its version."""
        return self._get("/api/health")

    def events(self, after: int | None = None) -> Iterator[ServerEvent]:
        """Messages of the event stream without end; goes on by itself where the connection is lost.

        With `after`, all events with higher numbers come first. Nothing is lost or repeated while the server
        restarts. Raises `ServerUnreachable` after a minute without a server.
        """
        last, failures = after, 0
        while True:
            try:
                for event in self._connected(last):
                    last = event.number if event.number is not None else last
                    failures = 0
                    yield event
            except httpx.TransportError as error:
                failures += 1
                if failures > MAX_RECONNECTS:
                    raise ServerUnreachable(self.url, str(error) or type(error).__name__) from error
            _pause()

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connected(self, last: int | None) -> Iterator[ServerEvent]:
        headers = {} if last is None else {"last-event-id": str(last)}
        timeout = httpx.Timeout(TIMEOUT_S)  # of silence: the server gives a sign of life each 15 s
        with self._http.stream("GET", "/api/events", headers=headers, timeout=timeout) as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise _refusal(answer)
            yield from _events_in(answer.iter_lines())

    def _get(self, path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self._checked("GET", path, params=dict(parameters or {}))
        return answer

    def _send(self, path: str, value: Any, *, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        answer: dict[str, Any] = self._checked("POST", path, json=value, timeout=timeout_s)
        return answer

    def _checked(self, method: str, path: str, **content: Any) -> Any:
        return self._answered(lambda: self._http.request(method, path, **content))

    def _answered(self, send: Callable[[], httpx.Response]) -> Any:
        """The answer to a request, which is sent again when the server says that it may be."""
        try:
            answer = send()
            for _ in range(MAX_WAITS):
                if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    break
                _pause(_retry_after_s(answer))
                answer = send()
        except httpx.TransportError as error:
            raise ServerUnreachable(self.url, str(error) or type(error).__name__) from error
        if answer.is_error or answer.is_redirect:
            raise _refusal(answer)
        return answer.json()


def _refusal(answer: httpx.Response) -> ServerRefused:
    """The error that an answer tells."""
    try:
        facts = answer.json()["error"]
        what, where, kind = str(facts["what"]), str(facts["where"]), str(facts["kind"])
        cure = f": {facts['cure']}" if facts.get("cure") else ""
    except (ValueError, KeyError, TypeError):
        what, where, kind, cure = answer.reason_phrase, str(answer.request.url.path), "http", ""
    return ServerRefused(where, f"{what}{cure}", answer.status_code, kind)


def _retry_after_s(answer: httpx.Response) -> float:
    given = answer.headers.get("retry-after", "")
    return min(float(given), MAX_WAIT_S) if given.isdecimal() else 1.0


def _events_in(lines: Iterator[str]) -> Iterator[ServerEvent]:
    """The messages of a stream of lines; comments and `retry` are left out."""
    name, data, number = "", "", None
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = value
        elif field == "id":
            number = int(value)
        elif not line and data:
            yield ServerEvent(name, json.loads(data), number)
        if not line:
            name, data, number = "", "", None


def _pause(seconds: float = 1.0) -> None:
    import time

    time.sleep(seconds)
