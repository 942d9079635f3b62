"""A supervised process in a real terminal, below a shell with job control; what a run does there, without
Ray.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.runs import commands
from tests.support.runs.terminals import CTRL_C, CTRL_Z, PROMPT, Terminal, with_ffmpeg
from vaengine.process.signals import REPEAT_WINDOW_S

CHECKOUT = Path(__file__).parents[3]
SECONDS = 60.0  # for what takes one or two, on a busy machine
PROGRAM = f"""
import os, pathlib, signal, subprocess, sys, time
sys.path.insert(0, {str(CHECKOUT)!r})
from vaengine.process import supervisor
from vaengine.process.run_process import KEPT
from vaengine.process.signals import Signals
from vaengine.console.terminal import outlive_terminal
outlive_terminal()
code = supervisor.run_supervised()
if code is not None:
    sys.exit(code)
here = pathlib.Path(__file__).parent
"""
Start = Callable[[str], Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a terminal and in it a program whose child does this."""
    terminals: list[Terminal] = []

    def started(work: str, env: dict[str, str] | None = None) -> Terminal:
        (tmp_path / "program.py").write_text(PROGRAM + work)
        terminal = Terminal(env or with_ffmpeg(tmp_path))
        terminals.append(terminal)
        terminal.enter(sys.executable, tmp_path / "program.py")
        return terminal

    yield started
    for terminal in terminals:
        terminal.end()


TOUCHES = {
    "what is started reads the terminal's settings and sets "
    "them": "subprocess.call(['ffmpeg', '-v', 'quiet'])",
    "on another descriptor": "subprocess.call(['sh', '-c', 'stty -icanon <&1; stty icanon <&1'])",
    "the process itself": "import termios; termios.tcsetattr(1, termios.TCSANOW, termios.tcgetattr(1))",
    "it reads standard input": "assert sys.stdin.read() == ''; subprocess.call(['cat'])",
    "in a process group of its "
    "own": "subprocess.call(['sh', '-c', 'stty -icanon <&1; stty icanon <&1'], process_group=0)",
}


@pytest.mark.parametrize("touch", TOUCHES.values(), ids=TOUCHES.keys())
def test_touching_the_terminal_stops_nothing(touch: str, start: Start) -> None:
    terminal = start(f"{touch}\nprint('work' 'ed')")
    terminal.wait_for("worked", SECONDS)
    assert terminal.code(SECONDS)[0] == 0


def test_the_real_ffmpeg_that_scenedetect_starts_stops_nothing(start: Start) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs the program ffmpeg (apt-get install ffmpeg)")
    terminal = start("import scenedetect\nprint('work' 'ed')")
    terminal.wait_for("worked", SECONDS)
    assert terminal.code(SECONDS)[0] == 0


IN_A_SESSION_OF_ITS_OWN = """
other = subprocess.Popen(['sh', '-c', ': >started; exec sleep 1000'], cwd=here, start_new_session=True)
print('at ' 'work', flush=True)
while not (here / 'enough').exists():
    time.sleep(0.01)
other.kill()
other.wait()
sys.exit(7)
"""


def test_ctrl_z_stops_all_of_it_and_fg_continues_all_of_it(start: Start, tmp_path: Path) -> None:
    terminal = start(IN_A_SESSION_OF_ITS_OWN)
    terminal.wait_for("at work", SECONDS)
    commands.wait_for((tmp_path / "started").exists, "the one in a session of its own")
    below = psutil.Process(terminal.pid).children(recursive=True)
    terminal.type(CTRL_Z)
    terminal.wait_for(PROMPT, SECONDS)
    assert [one.status() for one in below] == [psutil.STATUS_STOPPED] * 3, terminal.processes()
    terminal.enter("fg")
    commands.wait_for(
        lambda: all(one.status() != psutil.STATUS_STOPPED for one in below), "all of them", SECONDS
    )
    (tmp_path / "enough").touch()
    assert terminal.code(SECONDS)[0] == 7


def test_ctrl_c_reaches_a_process_that_somebody_has_stopped(start: Start) -> None:
    terminal = start("with Signals():\n    print('at ' 'work', flush=True)\n    time.sleep(1000)")
    terminal.wait_for("at work", SECONDS)
    parent = terminal.child()
    assert parent is not None
    (child,) = parent.children()
    child.suspend()
    terminal.type(CTRL_C)
    terminal.wait_for("stopping", SECONDS)
    terminal.wait_for("stopped, before anything was annotated", SECONDS)
    assert terminal.code(SECONDS)[0] == 130


HANGS = """
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))  # as one that is busy in C++
supervisor.tell_parent(KEPT, __file__, 'vaengine resume b1 --out o')
print('at ' 'work', flush=True)
time.sleep(1000)
"""


def test_the_second_ctrl_c_ends_even_what_hears_nothing_and_says_what_is_kept(start: Start) -> None:
    terminal = start(HANGS)
    terminal.wait_for("at work", SECONDS)
    terminal.type(CTRL_C)
    terminal.wait_for("stopping; once more to stop at once", SECONDS)
    time.sleep(REPEAT_WINDOW_S)  # sooner it would be the first once more
    terminal.type(CTRL_C)
    terminal.wait_for("stopped at once; what was committed is kept: vaengine resume b1 --out o", SECONDS)
    assert terminal.code(SECONDS)[0] == 130


FINISHES = """
stopped = []
with Signals() as signals:
    signals.deliver_to(stopped.append)
    print('at ' 'work', flush=True)
    while not stopped:
        time.sleep(0.01)
    for stream in (sys.stdout, sys.stderr):
        print('nobody sees this', file=stream, flush=True)
(here / 'stopped').write_text(f'{stopped[0]} {os.getppid()}')
"""


def test_a_closed_terminal_stops_it_as_sigterm_does(start: Start, tmp_path: Path) -> None:
    terminal = start(FINISHES)
    terminal.wait_for("at work", SECONDS)
    below = psutil.Process(terminal.pid).children(recursive=True)
    terminal.close()
    assert psutil.wait_procs(below, timeout=SECONDS)[1] == []
    assert (tmp_path / "stopped").read_text() == f"SIGHUP {below[0].pid}"


def test_a_closed_terminal_ends_one_that_was_stopped_in_it(start: Start, tmp_path: Path) -> None:
    terminal = start(FINISHES)
    terminal.wait_for("at work", SECONDS)
    below = psutil.Process(terminal.pid).children(recursive=True)
    terminal.type(CTRL_Z)
    terminal.wait_for(PROMPT, SECONDS)
    terminal.close()
    assert psutil.wait_procs(below, timeout=SECONDS)[1] == []
    assert (tmp_path / "stopped").read_text().startswith("SIGHUP")
