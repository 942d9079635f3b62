"""The job of Slurm, with stand-ins for Slurm, Ray and the command: who starts where, in which order."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from cluster import launch

SCRIPT = Path(launch.__file__).parent / "slurm.sbatch"
PROGRAMS = {
    "scontrol": "printf 'n1\\nn2\\nn3\\n'",
    "srun": """case "$*" in
*'hostname --ip-address'*) echo '127.0.0.1 10.1.2.3' ;;
*) echo "srun $*" >> "$LOG"; case "$*" in *--head*) touch "$LOG.head" ;; esac; exec sleep 60 ;;
esac""",
    "ray": 'test -e "$LOG.head"',
    "vaengine": 'echo "vaengine $* token=$(wc -c < "$RAY_AUTH_TOKEN_PATH") batch=$VAENGINE_BATCH" >> "$LOG"'
    '; eval "$RUN"',
}
DEADLINE_S = 20.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        program = programs / name
        program.write_text(f"#!/bin/bash\n{text}\n")
        program.chmod(0o755)
    return {
        "PATH": os.environ["PATH"],
        "VAENGINE_BIN": str(programs),
        "VAENGINE_POLL_S": "0.02",
        "SLURM_JOB_ID": "41234",
        "SLURM_JOB_NODELIST": "n[1-3]",
        "SLURM_CPUS_ON_NODE": "16",
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "LOG": str(tmp_path / "log"),
        "RUN": "exit 0",
    }


def start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = ["bash", str(SCRIPT), "run", "/shared/a b", "--out", "/shared/out"]
    return subprocess.Popen(command, env=environment, start_new_session=True)


def end(job: subprocess.Popen[bytes]) -> int:
    """The exit code of the job; what it leaves is ended, as Slurm ends it."""
    try:
        return job.wait(DEADLINE_S)
    finally:
        os.killpg(job.pid, signal.SIGKILL)


def logged(environment: dict[str, str]) -> list[str]:
    return Path(environment["LOG"]).read_text().splitlines()


def test_the_head_starts_first_then_one_step_for_each_node_then_the_run(environment: dict[str, str]) -> None:
    assert end(start(environment)) == 0
    head, *workers, run = logged(environment)
    assert "-w n1 ray start --head --node-ip-address=10.1.2.3 --port=21234" in head
    assert {line.partition("-w ")[2].split()[0] for line in workers} == {"n2", "n3"}
    assert all("ray start --address=10.1.2.3:21234" in line for line in workers)
    assert all("--cpus-per-task=16 --cpu-bind=none" in line for line in (head, *workers))
    assert (
        run
        == "vaengine run /shared/a b --out /shared/out --cluster 10.1.2.3:21234 token=65 batch=slurm-41234"
    )


def test_the_exit_code_is_that_of_the_run_and_the_token_goes(environment: dict[str, str]) -> None:
    assert end(start(environment | {"RUN": "exit 3"})) == 3
    assert list(Path(environment["SLURM_SUBMIT_DIR"]).glob(".vaengine*")) == []


def test_the_token_is_readable_by_its_owner_alone(environment: dict[str, str]) -> None:
    shown = environment | {"RUN": 'stat -c %a "$RAY_AUTH_TOKEN_PATH" >> "$LOG"'}
    assert end(start(shown)) == 0
    assert logged(environment)[-1] == f"{stat.S_IRUSR | stat.S_IWUSR:o}"


def test_a_signal_before_the_time_is_up_lets_the_run_end_by_itself(environment: dict[str, str]) -> None:
    trap = "trap 'sleep 0.3; echo stored >> \"$LOG\"; exit 143' TERM"
    run = f'{trap}; echo at work >> "$LOG"; while :; do sleep 0.05; done'
    job = start(environment | {"RUN": run})
    deadline = time.monotonic() + DEADLINE_S
    while not Path(environment["LOG"]).exists() or "at work" not in logged(environment):
        assert time.monotonic() < deadline, "the run did not begin"
        time.sleep(0.02)
    job.send_signal(signal.SIGTERM)
    assert end(job) == 143
    assert logged(environment)[-1] == "stored"


def test_a_head_that_does_not_start_is_told_and_no_run_begins(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "bin" / "ray").write_text("#!/bin/bash\nexit 1\n")
    assert end(start(environment | {"VAENGINE_POLL_S": "0"})) == 1
    assert not any(line.startswith("vaengine") for line in logged(environment))


def test_slurm_reads_its_options_from_the_head_of_the_file() -> None:
    lines = SCRIPT.read_text().splitlines()
    options = [number for number, line in enumerate(lines) if line.startswith("#SBATCH")]
    first_command = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert options
    assert max(options) < first_command, "sbatch stops reading at the first command"
    assert "#SBATCH --signal=B:TERM@120" in lines
