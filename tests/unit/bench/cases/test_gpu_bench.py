"""What is measured on a GPU is kept as it comes, and one script has all of it in under nine minutes."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cases.gpu import (
    PARTS,
    keep,
    of_its_own,
    outcome_in,
    required,
    versions,
)
from bench.cases.gpu_runs import cost
from bench.harness.gpu_samples import Sample, on_gpu, sampled, summary
from bench.harness.timed_detector import busy_share
from bench.harness.timing import WARM_CALLS, rate, ratios
from schemas.media.frames import FrameBatch
from schemas.pipelines import PERSON
from schemas.work.messages import FramesMessage

SCRIPT = Path(__file__).parents[4] / "bench/gpu.sh"
MOST_SECONDS = 9 * 60
KILL_SECONDS = 5  # after the limit of a step, until what does not listen is killed
# Stands for an interpreter: of the parts `faces` fails, and the others are kept.
PYTHON = """#!/bin/sh
case "$1 $2" in
"-m pip") for wheel; do :; done; mkdir "${PYTHONPATH#*:}" && cp "$wheel" "${PYTHONPATH#*:}" ;;
"-m bench.cases.gpu") [ -d "${PYTHONPATH#*:}" ] && [ "$3" != faces ] && echo "{}" > "$4" ;;
esac
"""


def test_what_was_measured_before_a_failure_is_kept(tmp_path: Path) -> None:
    def part() -> Iterator[tuple[str, Any]]:
        yield "first", 1
        assert json.loads((tmp_path / "part.json").read_text()) == {"first": 1}
        yield "second", [2]
        raise RuntimeError("the device is gone")

    with pytest.raises(RuntimeError, match="gone"):
        keep(part(), tmp_path / "part.json")
    assert json.loads((tmp_path / "part.json").read_text()) == {"first": 1, "second": [2]}


def test_a_rate_counts_whole_calls_after_the_first_ones_and_the_time_that_they_took() -> None:
    calls: list[int] = []

    def clock() -> float:  # each call takes 3 seconds, and the first ones far longer
        return 3.0 * (len(calls) - WARM_CALLS)

    assert rate(lambda: calls.append(0), 32, seconds=10.0, clock=clock) == pytest.approx(32 / 3.0)
    assert len(calls) == WARM_CALLS + 4


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("tests/a.py::test_one PASSED     [ 50%]", ("tests/a.py::test_one", "passed")),
        ("tests/a.py::test_two[a b] FAILED [100%]", ("tests/a.py::test_two[a b]", "failed")),
        ("tests/a.py::test_three SKIPPED (no GPU) [100%]", ("tests/a.py::test_three", "skipped")),
        ("FAILED tests/a.py::test_two[a b] - AssertionError", None),
        ("collected 2 items", None),
    ],
)
def test_outcomes_are_read_from_what_pytest_says(line: str, outcome: tuple[str, str] | None) -> None:
    assert outcome_in(line) == outcome


def test_rates_are_said_in_units_of_the_rival() -> None:
    assert ratios({"engine": 30.0, "library": 20.0}, "library") == {"engine": 1.5}


def test_an_hour_of_video_costs_the_hours_that_a_gpu_works_on_it() -> None:
    assert cost(3600.0, 180.0) == {"real_time_factor": 0.05, "video_hours_per_gpu_hour": 20.0}


def test_a_package_that_is_missing_is_said_to_be() -> None:
    found = versions(["numpy", "no-such-package"])
    assert found == {"numpy": np.__version__, "no-such-package": None}


def test_what_the_project_needs_on_a_gpu_is_looked_for_by_its_names() -> None:
    names = required()
    assert {"torch", "ray", "onnxruntime-gpu", "psycopg", "pytest-timeout"} <= set(names)
    assert all(name.replace("-", "").isalnum() for name in names)


def test_the_share_of_a_model_is_what_it_ran_of_the_time_from_first_to_last() -> None:
    assert busy_share([(0.0, 1.0), (1.5, 2.0), (2.0, 4.0)]) == pytest.approx(3.5 / 4)


def test_a_message_of_its_own_has_the_frames_of_another() -> None:
    frames = FrameBatch(np.arange(1), np.zeros(1), np.zeros((1, 2, 2, 3), np.uint8), 1.0, 1.0)
    message = of_its_own(FramesMessage("c", "v", PERSON, 0, frames), 7)
    assert (message.chunk_id, message.video_id, message.frames) == ("chunk-7", "video-7", frames)


def test_the_gpu_is_sampled_until_the_measurement_ends_and_once_more() -> None:
    third = threading.Event()
    taken = iter(range(1, 1000))

    def read() -> Sample:
        number = next(taken)
        if number == 3:
            third.set()
        return Sample(busy=0.5, power_w=100.0 * number, memory_mib=1.0)

    with sampled(read, every_s=0.001) as samples:
        assert third.wait(10)
    at_end = len(samples)
    assert at_end >= 4
    assert [sample.power_w for sample in samples] == [100.0 * number for number in range(1, at_end + 1)]


def test_samples_are_summed_up_with_means_and_maxima() -> None:
    told = summary([Sample(0.5, 100.0, 10.0), Sample(1.0, 300.0, 30.0)])
    each = {name: told.pop(f"each_{name}") for name in ("busy", "power_w", "memory_mib")}
    assert told == {"busy": 0.75, "power_w": 200.0, "most_power_w": 300.0, "most_memory_mib": 30.0}
    assert each == {"busy": [0.5, 1.0], "power_w": [100.0, 300.0], "memory_mib": [10.0, 30.0]}
    with pytest.raises(ValueError, match="without a sample"):
        summary([])


def test_a_measurement_has_the_samples_of_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.harness.gpu_samples.nvml_reader", lambda: lambda: Sample(1.0, 700.0, 5.0))
    told = on_gpu(lambda: 123.46)
    assert (told["pictures_per_s"], told["gpu"]["busy"]) == (123.5, 1.0)


def steps() -> dict[str, tuple[int, str]]:
    """The limit and the command of each step, by its name."""
    told = subprocess.run(
        [SCRIPT, "--dry-run", "wheels", "out"], check=True, capture_output=True, text=True
    ).stdout
    lines = [line.split("\t") for line in told.splitlines()]
    return {name: (int(limit_s), command) for name, limit_s, command in lines}


def test_the_script_has_every_part_each_with_a_limit_and_all_of_them_in_nine_minutes() -> None:
    planned = steps()
    assert set(planned) == {"environment", *PARTS}
    assert all(limit_s > 0 for limit_s, _ in planned.values())
    assert sum(limit_s + KILL_SECONDS for limit_s, _ in planned.values()) < MOST_SECONDS
    for part in PARTS:
        assert planned[part][1].split()[-2:] == [part, f"{Path.cwd() / 'out' / part}.json"]


def test_a_step_that_fails_costs_no_other_and_each_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python, out = tmp_path / "bin/python3", tmp_path / "out"
    python.write_text(PYTHON)
    python.chmod(0o755)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/one.whl").touch()
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    done = subprocess.run([SCRIPT, tmp_path / "wheels", out], check=False, env=environment)
    assert done.returncode == 1
    ended = [json.loads(line) for line in (out / "steps.jsonl").read_text().splitlines()]
    assert {step["step"]: step["exit"] for step in ended} == {
        "environment": 0,
        **{part: int(part == "faces") for part in PARTS},
    }
    assert (tmp_path / "vaengine-gpu-environment/one.whl").is_file()
    assert sorted(path.stem for path in out.glob("*.json")) == sorted(set(PARTS) - {"faces"})


def test_the_script_says_what_it_needs() -> None:
    done = subprocess.run([SCRIPT], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "say where wheels are and where JSON goes" in done.stderr
