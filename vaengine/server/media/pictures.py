"""Pictures of videos: made on demand in a process of its own, then taken from the cache."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Final

from actors.child_process import ChildProcess
from schemas.errors import NotStarted, UsageError
from vaengine.results.lookup import check_unchanged
from vaengine.server.media.cache import MediaCache
from vaengine.server.media.requests import Failed, PictureOrder

MODULE: Final = "vaengine.server.media.media_process"
TIMEOUT_S: Final = 60.0  # for one picture


class Pictures:
    """Pictures of frames as JPEG files, for all threads of a server; one at a time is decoded."""

    def __init__(self, cache: MediaCache) -> None:
        self._cache = cache
        self._child = ChildProcess(MODULE)
        self._lock = threading.Lock()

    def of(self, order: PictureOrder) -> Path:
        """The file with a picture; raises `UsageError` where the video gives none."""
        video, name = order.video, _name(order)
        if found := self._cache.found(video.fingerprint, name):
            return found
        check_unchanged(video)
        with self._lock:
            if found := self._cache.found(video.fingerprint, name):  # by whoever held the lock
                return found
            data = self._made(order)
        return self._kept(order, name, data)

    def close(self) -> None:
        """End the process."""
        self._child.close()

    def _made(self, order: PictureOrder) -> bytes:
        try:
            connection = self._child.connection()
            connection.send(order)
            if not connection.poll(TIMEOUT_S):
                self._child.close()
                raise UsageError(f"no picture of {order.video.video_id}: it took longer than {TIMEOUT_S:g} s")
            answer = connection.recv()
        except (EOFError, OSError, NotStarted) as error:
            self._child.close()
            raise UsageError(f"no picture of {order.video.video_id}: the decoder ended") from error
        if isinstance(answer, Failed):
            raise UsageError(f"no picture of {order.video.video_id}: {answer.message}")
        made: bytes = answer
        return made

    def _kept(self, order: PictureOrder, name: str, data: bytes) -> Path:
        path = self._cache.prepare(order.video.fingerprint, name)
        unfinished = path.with_name(f".{name}.{uuid.uuid4().hex[:8]}")
        unfinished.write_bytes(data)
        unfinished.replace(path)
        return path


def _name(order: PictureOrder) -> str:
    """A name of its own for each picture: its time in milliseconds, its width, and the box."""
    box = "" if order.box is None else "-" + "-".join(f"{round(side)}" for side in order.box)
    return f"{round(order.time_s * 1000)}-{order.width}{box}.jpg"
