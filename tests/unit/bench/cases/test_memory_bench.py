"""The memory of a command is that of its processes, by what they do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.cases.memory import MemoryProfile

HOLDS_MIB = 64
# As a run does: the command makes another process of itself, which does the work.
PROGRAM = f"""
import os, sys
read, write = os.pipe()
if os.fork():
    os.close(write)
    os.read(read, 1)  # until the other ends
else:
    held = bytearray(os.urandom({HOLDS_MIB} << 20))
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


@pytest.fixture
def command() -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def test_the_driver_is_the_process_that_works_and_the_one_that_supervises_it(
    command: subprocess.Popen[str],
) -> None:
    profile = MemoryProfile()
    profile.sample(command.pid)
    (driver_mib,) = profile.resident_mib["driver"]
    assert driver_mib > HOLDS_MIB


def test_a_command_that_has_ended_has_no_memory() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    profile = MemoryProfile()
    profile.sample(ended.pid)
    assert not profile.resident_mib
