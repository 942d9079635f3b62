"""Shares files out among processes, each of which runs one library over its own."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

CORES = len(os.sched_getaffinity(0))

# Counts what is found in files by kind, with so many threads.
Work = Callable[[Sequence[str], int], Mapping[str, int]]


def found_by(work: Work, processes: int, files: Sequence[str]) -> Counter[str]:
    """What `work` finds in all files; one process has all cores, of several each has one."""
    if processes == 1:
        return Counter(work(files, CORES))
    shares = [files[first::processes] for first in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return sum(map(Counter, pool.map(partial(_with_one_thread, work), shares)), Counter())


def tell(found: Mapping[str, int]) -> None:
    """Print what was found as the last line, which the benchmark reads."""
    sys.stdout.write(json.dumps(dict(found)) + "\n")


def _with_one_thread(work: Work, files: Sequence[str]) -> dict[str, int]:
    return dict(work(files, 1))
