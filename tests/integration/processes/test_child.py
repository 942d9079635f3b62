"""A process that may be lost: it takes orders wherever it was started, and one that never could is not an
order's fault.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from actors.child_process import ChildProcess
from schemas.errors import EndsItsReader, NotStarted
from schemas.media.video import Video
from schemas.pipelines import AUDIO, SCENE
from schemas.settings.settings import Settings
from tests.support.media import clips
from vaengine.planning.plan import blocks_of, chunks_of, work_keys
from vaengine.planning.prober import Prober
from vaengine.planning.probing import Probing

FAULTS = Path(__file__).parents[2] / "support" / "sitecustomize" / "faults"
CHECKOUT = Path(__file__).parents[3]

pytestmark = pytest.mark.child_processes

OUTLIVING = """
import subprocess, sys, time
from actors.child_process import attach

def main(descriptor):
    connection = attach(descriptor, outlives_thread=True)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
    print("it has printed this", flush=True)
    connection.send(connection.recv())
    time.sleep(60)
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Faults are let loose in processes started from here on; each is told in this file."""
    monkeypatch.setenv("FAULTS", str(tmp_path / "faults.txt"))
    monkeypatch.syspath_prepend(str(FAULTS))
    return tmp_path / "faults.txt"


@pytest.fixture
def prober() -> Iterator[Prober]:
    one = Prober()
    yield one
    one.close()


def talking(folder: Path, name: str) -> str:
    """A clip of 2 s with pictures and sound under a name that makes it dangerous."""
    made = clips.clicking(folder / "made", codec="aac", suffix=".mp4", seconds=2, starts_s=0)
    return str(made.path.rename(folder / f"{name}.mp4"))


def test_it_starts_in_a_folder_whose_modules_are_named_like_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's own `schemas` beside his recordings is none of our business."""
    (tmp_path / "schemas.py").write_text("raise RuntimeError('not ours')")
    monkeypatch.chdir(tmp_path)
    prober = Prober()
    try:
        assert not isinstance(prober.probe(str(tmp_path / "none.mp4")).error, EndsItsReader)
    finally:
        prober.close()


def test_one_that_does_not_come_up_says_why_and_blames_no_order() -> None:
    with pytest.raises(
        NotStarted, match=r"a process of no\.such\.module does not start: .*No module named 'no'"
    ):
        ChildProcess("no.such.module").connection()


def test_it_is_started_again_after_it_has_been_killed() -> None:
    child = ChildProcess("vaengine.planning.prober")
    try:
        child.connection()
        first = child.pid
        os.kill(first, 9)
        assert child.end(None).kind == "worker_lost"
        child.connection()
        assert child.pid != first
    finally:
        child.close()


def test_sound_that_ends_its_reader_is_left_out_and_the_pictures_are_known(
    told: Path, prober: Prober, tmp_path: Path
) -> None:
    probed = prober.probe(talking(tmp_path, "sound-segfault"))
    assert probed.error is None
    assert probed.video is not None
    assert (len(probed.video.index), probed.video.sound) == (50, None)
    assert probed.video.sound_fault is not None
    assert (probed.video.sound_fault.kind, "SIGSEGV" in probed.video.sound_fault.message) == (
        "poisoned",
        True,
    )
    settings = Settings()
    assert chunks_of(
        probed.video, {key: [] for key in work_keys(probed.video_id, [SCENE], settings)}, settings
    )
    assert set(told.read_text().split()) == {"sound-segfault"}


def test_pictures_that_end_their_reader_are_left_out_and_the_sound_is_known(
    told: Path, prober: Prober, tmp_path: Path
) -> None:
    video = prober.probe(talking(tmp_path, "pictures-segfault")).video
    assert video is not None
    assert video.sound is not None
    assert (len(video.index), video.sound_fault) == (0, None)
    assert video.picture_fault is not None
    assert "SIGSEGV" in video.picture_fault.message


def test_a_file_of_which_no_stream_can_be_looked_at_is_one_that_ends_its_reader(
    told: Path, prober: Prober, tmp_path: Path
) -> None:
    assert isinstance(prober.probe(talking(tmp_path, "both-segfault")).error, EndsItsReader)


def test_where_nothing_listens_no_sound_is_touched_and_it_is_looked_at_once_something_does(
    told: Path, tmp_path: Path
) -> None:
    path = talking(tmp_path, "sound-segfault")
    (unheard,) = _probed(path, {}, sound=False)
    assert not told.exists()
    assert not unheard.is_sound_known
    (again,) = _probed(path, {path: unheard}, sound=False)
    assert again == unheard
    (heard,) = _probed(path, {path: unheard}, sound=True)
    assert (heard.sound_fault is not None, heard.fingerprint) == (True, unheard.fingerprint)


def test_a_look_at_the_sound_later_tells_the_same_as_one_at_once(tmp_path: Path) -> None:
    path = talking(tmp_path, "fine")
    (unheard,) = _probed(path, {}, sound=False)
    (heard,) = _probed(path, {path: unheard}, sound=True)
    assert heard == _probed(path, {}, sound=True)[0]
    assert len(blocks_of(heard, {key: [] for key in work_keys(heard.video_id, [AUDIO], Settings())})) == 1


def _probed(path: str, known: dict[str, Video], *, sound: bool) -> list[Video]:
    probing = Probing([path], lambda _paths: known, sound=sound)
    try:
        return [probed.video for probed in probing.page(10, 15.0) if probed.video]
    finally:
        probing.close()


def test_closed_by_two_threads_at_once_its_descriptors_are_closed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second of two closes would close whatever has got the number meanwhile."""
    child = ChildProcess("vaengine.planning.prober")
    connection = child.connection()
    closes: list[Connection] = []
    both = threading.Barrier(2)
    close = Connection.close

    def noted(one: Connection) -> None:
        if one is connection:
            closes.append(one)
        close(one)

    def close_child() -> None:
        both.wait(30)
        child.close()

    monkeypatch.setattr(Connection, "close", noted)
    threads = [threading.Thread(target=close_child) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert closes == [connection]


def test_one_that_outlives_its_thread_ends_with_its_connection_and_what_it_starts_does_not_hold_that_open(
    tmp_path: Path,
) -> None:
    (tmp_path / "outliving.py").write_text(OUTLIVING)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(CHECKOUT)])}
    started: list[ChildProcess] = []

    def start() -> None:
        started.append(ChildProcess("outliving", "a greeting", environment=environment))
        started[0].connection()

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    (child,) = started
    try:
        connection = child.connection()
        assert connection.recv() == "a greeting"
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(30) == -signal.SIGTERM
        assert connection.poll(20), "what it started lives on in its session, without the connection"
        with pytest.raises((EOFError, OSError)):
            connection.recv()
        assert child.output() == "it has printed this"
    finally:
        child.kill()
        child.close()


def test_a_process_that_is_to_fork_imports_it_without_numpy_and_its_threads() -> None:
    program = (
        "import sys; import vaengine.process.supervisor; assert 'actors.child_process' in sys.modules; "
        "sys.exit('numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, check=True)
