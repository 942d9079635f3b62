"""What a session leaves behind when it ends, in a process without a cluster: no call starts one, and work
that needs one just ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
PROGRAM = """
import sys
from cluster.session import quiet_ray, until_the_session_ends
quiet_ray(verbose=sys.argv[1] == "verbose")
import ray

def call():
    ray.get(ray.put(1))

try:
    call()
except ray.exceptions.RaySystemError:
    print("refused", ray.is_initialized())
with until_the_session_ends():
    call()
print("ended", ray.is_initialized())
with until_the_session_ends():
    raise ray.exceptions.WorkerCrashedError
"""


@pytest.mark.parametrize("how", ["quiet", "verbose"])
def test_work_left_behind_by_a_session_starts_no_second_ray_and_ends_without_a_word_unless_it_fails_otherwise(
    how: str,
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
        "PYTHONPATH": str(CHECKOUT)
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["refused False", "ended False"]
    assert done.stderr.splitlines()[-1].startswith("ray.exceptions.WorkerCrashedError")
