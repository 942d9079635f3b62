"""Probes files ahead of the work: in parallel, in pages, and not at all if the store knows them unchanged."""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import itemgetter

from schemas.media.video import Video
from vaengine.planning.prober import ProbedVideo, Prober, Question

FIRST_PAGE_TIMEOUT_S = 2.0  # a page that is not full is returned after so long
MAX_PROBERS = 8  # probing processes; they wait for the disk more than for a processor
MAX_READY = 2_000  # probed files that wait for their page; the frame times of three minutes take 43 kB
FIRST_PAGE_CHUNKS = 1_000  # so that work begins soon; each page may be twice as large as the one before
KNOWN_VIDEOS = 1_000  # that are read from the store at once, with their frame times
CANCEL_LOOK_S = 0.2  # from one look whether results are still wanted to the next


@dataclass(frozen=True, slots=True)
class FileToProbe:
    """A path by its number among all, and the video that a store knows by it."""

    number: int
    path: str
    known: Video | None = None

    def as_known(self) -> ProbedVideo:
        """The known video, as if it had been probed; raises `ValueError` where none is known."""
        if self.known is None:
            raise ValueError(f"nothing is known of {self.path}")
        return ProbedVideo(
            self.path, self.known.video_id, self.known.fingerprint, replace(self.known, path=self.path)
        )


class Probing:
    """Probes `paths` in child processes from the moment it is made, and returns results in pages.

    Others may take files too (`take`), and deliver what they find. `known` looks up what a store knows of
    some paths; it is called from time to time, on any thread. Without `sound`, sound streams are not touched.
    """

    def __init__(
        self,
        paths: Sequence[str],
        known: Callable[[Sequence[str]], Mapping[str, Video]],
        *,
        video_track: int | None = None,
        sound: bool = True,
    ) -> None:
        self._unserved, self._video_track, self._sound = len(paths), video_track, sound
        self._ready: queue.Queue[tuple[int, ProbedVideo | BaseException]] = queue.Queue(MAX_READY)
        self._waiting, self._taking = _with_known(paths, known), threading.Lock()
        self._page_chunks = FIRST_PAGE_CHUNKS
        self._threads = min(MAX_PROBERS, max(2, os.cpu_count() or 2), len(paths))
        self._pool = ThreadPoolExecutor(max(1, self._threads), thread_name_prefix="probe")
        self._cancelled, self._is_left_to_others = threading.Event(), threading.Event()
        self._thread_state = threading.local()
        self._probers: list[Prober] = []  # one for each thread that used one
        self.probe_the_rest()

    def probe_the_rest(self) -> None:
        """Have the processes of this machine probe whatever waits, as at the beginning."""
        self._is_left_to_others.clear()
        for _ in range(self._threads):
            self._submit(self._probe_waiting)

    def leave_to_others(self) -> None:
        """Take nothing more here once what is in work is done."""
        self._is_left_to_others.set()

    def probe_here(self, files: Sequence[FileToProbe]) -> None:
        """Have the processes of this machine probe files that somebody else took."""
        self._submit(lambda: self._probe_each(files))

    def take(self, most: int) -> list[FileToProbe]:
        """Up to `most` files that nobody probes yet, none at the end; whoever takes them delivers each."""
        try:
            with self._taking:
                return [] if self._cancelled.is_set() else list(itertools.islice(self._waiting, most))
        except BaseException as error:  # noqa: BLE001 raised in the thread that waits for the page
            self.deliver(0, error)
            return []

    def question(self, file: FileToProbe) -> Question:
        """What is to be found out of a file."""
        asked = Question(file.path, self._sound, self._video_track)
        if file.known is None:
            return asked
        from actors.sources.facts import known_facts

        return replace(
            asked,
            facts=known_facts(file.known),
            fingerprint=file.known.fingerprint,
            is_sufficient=self._is_sufficient(file.known),
        )

    def deliver(self, number: int, result: ProbedVideo | BaseException) -> None:
        """Hand in the result of a file; waits while there are many that nobody has fetched yet."""
        while not self._cancelled.is_set():
            try:
                self._ready.put((number, result), timeout=CANCEL_LOOK_S)
            except queue.Full:
                continue
            return

    def _submit(self, work: Callable[[], None]) -> None:
        with self._taking:
            if not self._cancelled.is_set():
                self._pool.submit(work)

    def _probe_waiting(self) -> None:
        """Takes one path after the other.

        So a run of a million videos has no million tasks, and few results that nobody has taken yet.
        """
        while not self._is_left_to_others.is_set() and (files := self.take(1)):
            self._probe_each(files)

    def _probe_each(self, files: Sequence[FileToProbe]) -> None:
        for file in files:
            try:
                self.deliver(file.number, self._reuse_or_probe(file))
            except BaseException as error:  # noqa: BLE001 raised in the thread that waits for the page
                self.deliver(file.number, error)

    def _reuse_or_probe(self, file: FileToProbe) -> ProbedVideo:
        """The known video again if the file is unchanged and it is sufficient, else a fresh probe."""
        return self.question(file).answer(self._prober) or file.as_known()

    def _prober(self) -> Prober:
        """The prober of this thread."""
        if not hasattr(self._thread_state, "prober"):
            self._thread_state.prober = Prober()
            self._probers.append(self._thread_state.prober)
        prober: Prober = self._thread_state.prober
        return prober

    def _is_sufficient(self, known: Video) -> bool:
        """Whether a stored video has the requested track, and its sound if sound is requested.

        Streams with a fault are probed again each time they are requested: another version may be able to
        read them.
        """
        if known.picture_fault or known.track != self._video_track:
            return False
        return not self._sound or (known.is_sound_known and not known.sound_fault)

    def page(self, max_chunks: int, chunk_s: float) -> list[ProbedVideo]:
        """Probed files for up to about so many chunks, and for fewer at first.

        Returns when that many are ready, after 2 s with those that are, or at the end. The page is empty only
        when there are no more files. It is in the order of `paths`, so that of two copies the first one named
        is the video.
        """
        most = min(max_chunks, self._page_chunks)
        self._page_chunks *= 2
        return [probed for _, probed in sorted(self._collect(most, chunk_s), key=itemgetter(0))]

    def _collect(self, max_chunks: int, chunk_s: float) -> Iterator[tuple[int, ProbedVideo]]:
        deadline, chunks, count = time.monotonic() + FIRST_PAGE_TIMEOUT_S, 0.0, 0
        while self._unserved and chunks < max_chunks:
            try:
                number, value = self._ready.get(
                    timeout=max(0.0, deadline - time.monotonic()) if count else None
                )
            except queue.Empty:
                return
            if isinstance(value, BaseException):
                raise value
            self._unserved -= 1
            count += 1
            chunks += max(1.0, value.video.duration_s / chunk_s) if value.video else 0.0
            yield number, value

    @property
    def exhausted(self) -> bool:
        """Whether every path has been returned."""
        return not self._unserved

    def close(self) -> None:
        """Cancel what has not been probed."""
        with self._taking:
            self._cancelled.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for prober in self._probers:
            prober.close()


def _with_known(
    paths: Sequence[str], known: Callable[[Sequence[str]], Mapping[str, Video]]
) -> Iterator[FileToProbe]:
    """Each path with its number, and with the video that it was known as."""
    for first in range(0, len(paths), KNOWN_VIDEOS):
        page = paths[first : first + KNOWN_VIDEOS]
        videos = known(page)
        for number, path in enumerate(page, first):
            yield FileToProbe(number, path, videos.get(path))
