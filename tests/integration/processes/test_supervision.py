"""The process of a run may be lost at any moment, in ways that no code in it can notice: its parent
starts it again.
"""

from __future__ import annotations

import array
import fcntl
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import psutil
import pytest

from tests.support.runs import commands
from vaengine.process.supervisor import MAX_STARTS, is_supervised_command

CHECKOUT = Path(__file__).parents[3]
PROGRAM = """
import os, pathlib, signal, sys, time
from vaengine.process.supervisor import run_supervised
code = run_supervised()
if code is not None:
    sys.exit(code)
starts = pathlib.Path(sys.argv[1])
with starts.open("a") as told:
    told.write(f"{os.getpid()}\\n")
number = len(starts.read_text().split())
"""
ENDS = {
    "in C++": "os._exit(1) if number < 3 else sys.exit(7)",
    "by a crash": "os.kill(os.getpid(), signal.SIGSEGV) if number < 3 else sys.exit(7)",
    "killed": "os.kill(os.getpid(), signal.SIGKILL) if number < 3 else sys.exit(7)",
}


def started(ending: str, starts: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM + ending, str(starts)]
    return subprocess.Popen(
        command,
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def told(starts: Path) -> list[int]:
    return [int(line) for line in starts.read_text().split()] if starts.exists() else []


@pytest.mark.parametrize("ending", ENDS.values(), ids=ENDS.keys())
def test_a_process_that_is_lost_is_started_again_and_its_last_word_counts(
    ending: str, tmp_path: Path
) -> None:
    process = started(ending, tmp_path / "starts")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, len(told(tmp_path / "starts"))) == (7, 3)
    assert err.count("it is started again") == 2


COMMAND = """
import os, pathlib, sys
from vaengine.cli import app as cli
batches = pathlib.Path(sys.argv.pop(1))
def outcome(arguments, beginning):
    with batches.open("a") as told:
        told.write(f"{beginning.batch_id} {beginning.at.timestamp()}\\n")
    return 7 if len(batches.read_text().splitlines()) == 3 else os._exit(1)
cli.outcome = outcome
cli.main()
"""


def test_every_process_of_a_command_works_on_the_same_batch(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMMAND, str(tmp_path / "batches"), "run", "clip.mp4"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60)
    lines = (tmp_path / "batches").read_text().splitlines()
    assert (done.returncode, len(lines), len(set(lines))) == (7, 3, 1), done.stderr


def test_one_that_is_lost_every_time_is_given_up(tmp_path: Path) -> None:
    process = started("os.abort()", tmp_path / "starts")
    process.communicate(timeout=60)
    assert (process.returncode, len(told(tmp_path / "starts"))) == (128 + signal.SIGABRT, MAX_STARTS)


@pytest.mark.parametrize("ending", ["sys.exit(1)", "raise SystemExit(3)", "1 / 0", ""])
def test_an_end_of_its_own_is_the_end(ending: str, tmp_path: Path) -> None:
    process = started(ending, tmp_path / "starts")
    process.communicate(timeout=60)
    assert process.returncode == {"raise SystemExit(3)": 3, "": 0}.get(ending, 1)
    assert len(told(tmp_path / "starts")) == 1


def test_a_signal_is_passed_on_once_and_ends_it_for_good(tmp_path: Path) -> None:
    waits = (
        "signal.signal(signal.SIGINT, lambda *_: os._exit(1)); starts.with_name('ready').touch(); "
        "time.sleep(100)"
    )
    process = started(waits, tmp_path / "starts")
    commands.wait_for((tmp_path / "ready").exists, "the child")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    process.communicate(timeout=60)
    assert (process.returncode, len(told(tmp_path / "starts"))) == (1, 1)


WAITS = """
from vaengine.process.signals import Signals
with Signals():
    starts.with_name("ready").touch()
    time.sleep(100)
"""


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_each_signal_has_its_exit_code(sent: signal.Signals, code: int, tmp_path: Path) -> None:
    process = started(WAITS, tmp_path / "starts")
    commands.wait_for((tmp_path / "ready").exists, "the child")
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, len(told(tmp_path / "starts"))) == (code, 1)
    assert err.splitlines() == [
        "stopping; once more to stop at once",
        "stopped, before anything was annotated",
    ]


LISTED = """
import os, pathlib, sys
from vaengine.process.supervisor import run_supervised
code = run_supervised(["run", "-"])
if code is not None:
    sys.exit(code)
with pathlib.Path(sys.argv[1]).open("a") as told:
    told.write(sys.stdin.read())
os._exit(1) if pathlib.Path(sys.argv[1]).read_text().count("a.mp4") < 3 else sys.exit(7)
"""


def test_a_list_on_standard_input_is_there_at_each_start(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LISTED, str(tmp_path / "read")]
    done = subprocess.run(
        command, cwd=CHECKOUT, input="a.mp4\nb.mp4\n", capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, (tmp_path / "read").read_text()) == (7, "a.mp4\nb.mp4\n" * 3), done.stderr


def reading(output: int) -> bool:
    """Whether somebody has taken what was written to a pipe."""
    waiting = array.array("i", [0])
    fcntl.ioctl(output, termios.FIONREAD, waiting)
    return waiting[0] == 0


def test_ctrl_c_while_the_list_is_typed_is_the_end_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LISTED, str(tmp_path / "read")]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        typed = process.stdin
        typed.write(b"a.mp4\n")
        typed.flush()
        commands.wait_for(lambda: reading(typed.fileno()), "the reader")
        process.send_signal(signal.SIGINT)
        said = process.stderr.read().decode()
    assert (process.returncode, said.splitlines()) == (130, ["stopped, before anything was annotated"])
    assert not (tmp_path / "read").exists()


@pytest.mark.parametrize(
    ("redirected", "says"),
    [
        ("<&-", "error: no video found in -: give a video file"),
        ("0>written", "error: standard input cannot be read: "),
    ],
)
def test_a_standard_input_without_anything_to_read_is_told_in_one_line(
    redirected: str, says: str, tmp_path: Path
) -> None:
    command = ["sh", "-c", f'exec "$0" run - --out out {redirected}', str(commands.VAENGINE)]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=commands.PATIENCE_S
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert done.stderr.startswith(says)
    assert not (tmp_path / "out").exists()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    process = started("starts.with_name('ready').touch(); time.sleep(100)", tmp_path / "starts")
    commands.wait_for((tmp_path / "ready").exists, "the child")
    child = psutil.Process(told(tmp_path / "starts")[0])
    process.kill()
    process.communicate(timeout=60)
    commands.wait_for(
        lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "its end", seconds=20
    )


def test_only_what_can_be_started_again_is() -> None:
    assert is_supervised_command(["run", "clips/"])
    assert is_supervised_command(["resume", "4711"])
    assert is_supervised_command(["run", "-"]), "a list on standard input is kept for the next start"
    assert not is_supervised_command(["status"])
    assert not is_supervised_command([])
