"""Previews of videos that browsers cannot play: made one after the other in a process, then kept."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from actors.child_process import ChildProcess
from schemas.errors import NotStarted
from schemas.media.video import Video
from vaengine.server.media.cache import MediaCache
from vaengine.server.media.pictures import MODULE
from vaengine.server.media.requests import Failed, PreviewOrder, PreviewProgress

HEIGHT: Final = 480  # pixels, at most
NAME: Final = f"preview-{HEIGHT}.mp4"
MAX_WAITING: Final = 20

Stage = Literal["absent", "waiting", "making", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class PreviewState:
    """Whether a preview can be played; `share` of its frames is written, 0 to 1.

    `offset_s` is the time in the preview of the video's first frame; `message` says why it failed.
    """

    stage: Stage
    share: float = 0.0
    offset_s: float = 0.0
    message: str = ""


class Previews:
    """The previews of a server, for all its threads."""

    def __init__(self, cache: MediaCache) -> None:
        self._cache = cache
        self._child = ChildProcess(MODULE)
        self._states: dict[str, PreviewState] = {}  # by fingerprint, of those that are not ready
        self._orders: queue.Queue[Video | None] = queue.Queue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closing = False

    def file(self, video: Video) -> Path | None:
        """The preview of a video; None as long as there is none."""
        return self._cache.found(video.fingerprint, NAME)

    def state(self, video: Video) -> PreviewState:
        """How far the preview of a video is."""
        if path := self.file(video):
            return PreviewState("ready", 1.0, _start_s(path))
        return self._states.get(video.fingerprint, PreviewState("absent"))

    def make(self, video: Video) -> PreviewState:
        """Have a preview made, unless it is there or on its way; returns how far it is."""
        state = self.state(video)
        if state.stage not in ("absent", "failed"):
            return state
        with self._lock:
            if self._orders.qsize() >= MAX_WAITING:
                return PreviewState("failed", message="too many previews wait: try again later")
            self._states[video.fingerprint] = PreviewState("waiting")
            self._orders.put(video)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="previews", daemon=True)
                self._thread.start()
        return PreviewState("waiting")

    def close(self) -> None:
        """End the process; an unfinished preview is gone."""
        self._is_closing = True
        self._orders.put(None)
        self._child.kill_if_started()
        if self._thread is not None:
            self._thread.join()
        self._child.close()

    def _work(self) -> None:
        while (video := self._orders.get()) is not None and not self._is_closing:
            failure = self._made(video)
            if failure is None:
                self._states.pop(video.fingerprint, None)
                self._cache.prune()
            else:
                self._states[video.fingerprint] = PreviewState("failed", message=failure)

    def _made(self, video: Video) -> str | None:
        """Make one preview; returns why it failed, None where it did not."""
        self._states[video.fingerprint] = PreviewState("making")
        try:
            connection = self._child.connection()
            connection.send(PreviewOrder(video, self._cache.prepare(video.fingerprint, NAME), HEIGHT))
            while isinstance(answer := connection.recv(), PreviewProgress):
                share = answer.done / max(1, answer.total)
                self._states[video.fingerprint] = replace(self._states[video.fingerprint], share=share)
        except (EOFError, OSError, NotStarted):
            with suppress(ProcessLookupError):
                self._child.close()
            return "the decoder ended"
        return answer.message if isinstance(answer, Failed) else None


def _start_s(path: Path) -> float:
    """The time of the first frame of a file that we wrote."""
    from actors.container.container import opened

    with opened(str(path)) as container:
        stream = container.streams.video[0]
        return float((stream.start_time or 0) * stream.time_base)
