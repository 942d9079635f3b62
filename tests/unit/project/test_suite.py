"""The suite itself: what fails it beside a failing test, and how it is spread over workers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
SKIPS = 'import pytest\n\n\ndef test_unseen():\n    pytest.skip("a hole")\n'
NEEDS_A_GPU = "import pytest\n\n\n@pytest.mark.gpu\ndef test_fast():\n    pass\n"
HAS_NO_GPU = "class cuda:\n    is_available = staticmethod(lambda: False)\n"
PASSES = "def test_seen():\n    pass\n"
ONE_CORE, TWO_CORES = (), ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
PYTEST = (
    sys.executable,
    "-m",
    "pytest",
    "-p",
    "no:cacheprovider",
    "-o",
    "markers=gpu:\nshared:\nray:\nlogs_errors:",
    "--strict-markers",
)


def suite(folder: Path, **modules: str) -> Path:
    """A checkout beside a folder of real clips, with `level__name` modules and this suite's own conftest."""
    (folder / "shared").mkdir()
    tests = folder / "checkout" / "tests"
    tests.mkdir(parents=True)
    for name in ("__init__.py", "conftest.py"):
        shutil.copy(TESTS / name, tests)
    shutil.copytree(TESTS / "support", tests / "support")
    for name, source in modules.items():
        level, _, module = name.partition("__")
        (tests / level).mkdir(exist_ok=True)
        (tests / level / f"test_{module}.py").write_text(source)
    return tests.parent


def outcome(checkout: Path, *options: str, ci: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CI": str(ci).lower(), "GPU_JOB": ""}
    return subprocess.run(
        [*PYTEST, *options, "tests"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "cores", [ONE_CORE, pytest.param(TWO_CORES, marks=pytest.mark.long)], ids=["one core", "two cores"]
)
def test_a_skipped_test_fails_the_suite_where_there_is_everything_to_run_it(
    cores: tuple[str, ...], tmp_path: Path
) -> None:
    checkout = suite(tmp_path, unit__one=SKIPS, unit__two=PASSES)
    done = outcome(checkout, *cores)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert done.stdout.count("SKIPPED where nothing may be: tests/unit/test_one.py::test_unseen") == 1
    assert "1 passed, 1 skipped" in done.stdout


@pytest.mark.long
def test_a_skipped_test_is_no_failure_for_a_developer_or_without_the_real_clips(tmp_path: Path) -> None:
    checkout = suite(tmp_path, unit__one=SKIPS)
    assert outcome(checkout, ci=False).returncode == pytest.ExitCode.OK
    (tmp_path / "shared").rmdir()
    assert outcome(checkout).returncode == pytest.ExitCode.OK


@pytest.mark.long
@pytest.mark.parametrize("cores", [ONE_CORE, TWO_CORES], ids=["one core", "two cores"])
def test_what_needs_a_gpu_may_be_skipped(cores: tuple[str, ...], tmp_path: Path) -> None:
    checkout = suite(tmp_path, contract__one=NEEDS_A_GPU, unit__two=PASSES)
    (checkout / "torch.py").write_text(HAS_NO_GPU)
    done = outcome(checkout, *cores)
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert "1 passed, 1 skipped" in done.stdout


@pytest.mark.long
def test_on_several_cores_the_level_with_the_longest_files_begins(tmp_path: Path) -> None:
    levels = ("acceptance", "integration", "contract", "unit")
    checkout = suite(tmp_path, **{f"{level}__{level}": PASSES for level in levels})
    done = outcome(checkout, "-n", "1", *TWO_CORES[2:], "-v")
    ran = [line.split("/")[1] for line in done.stdout.splitlines() if "PASSED" in line]
    assert ran == list(levels), done.stdout


WHO = "import os\n\nwho = os.environ['PYTEST_XDIST_WORKER']\n"
STARTS_RAY = (
    f"import pytest\n{WHO}\n\n@pytest.mark.ray\n@pytest.mark.parametrize('n', range(5))\ndef "
    "test_ray(n):\n    print('ray', who)\n"
)
OTHERS = (
    f"import pytest\n{WHO}\n\n@pytest.mark.parametrize('n', range(5))\ndef test_other(n):\n    "
    "print('other', who)\n"
)


@pytest.mark.long
def test_all_that_starts_ray_runs_on_one_worker_and_a_file_of_others_on_one(tmp_path: Path) -> None:
    checkout = suite(
        tmp_path, acceptance__one=STARTS_RAY, unit__two=STARTS_RAY, contract__three=OTHERS, unit__four=OTHERS
    )
    done = outcome(checkout, *TWO_CORES, "-rP")
    ran = [
        tuple(line.split()) for line in done.stdout.splitlines() if line.startswith(("ray gw", "other gw"))
    ]
    assert [len([one for one in ran if one[0] == kind]) for kind in ("ray", "other")] == [10, 10], done.stdout
    assert len({worker for kind, worker in ran if kind == "ray"}) == 1
    assert len(set(ran)) in (2, 3), "a file is not split"


LOGS = "import logging\n\n\ndef test_logs():\n    logging.getLogger('scenes').{level}('a hole')\n"


@pytest.mark.long
def test_an_error_that_is_logged_fails_the_test_unless_it_is_about_it(tmp_path: Path) -> None:
    expects = "import pytest\n\npytestmark = pytest.mark.logs_errors\n" + LOGS.format(level="error")
    modules = {
        "unit__one": LOGS.format(level="error"),
        "unit__two": LOGS.format(level="warning"),
        "unit__three": expects,
    }
    done = outcome(suite(tmp_path, **modules))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "3 passed, 1 error in" in done.stdout
    assert "scenes: a hole" in done.stdout


MAKES = """
import os
from pathlib import Path

def test_makes():
    (Path(os.environ["RAY_TMPDIR"]) / "ray" / "session_2026_{n}").mkdir(parents=True)
"""


@pytest.mark.parametrize(
    ("cores", "starts", "code"),
    [
        pytest.param(ONE_CORE, 2, pytest.ExitCode.OK, marks=pytest.mark.long),
        pytest.param(ONE_CORE, 3, pytest.ExitCode.TESTS_FAILED, marks=pytest.mark.long),
        pytest.param(TWO_CORES, 3, pytest.ExitCode.TESTS_FAILED, marks=pytest.mark.long),
    ],
)
def test_more_starts_of_ray_than_allowed_fail_the_suite(
    starts: int, code: pytest.ExitCode, cores: tuple[str, ...], tmp_path: Path
) -> None:
    checkout = suite(tmp_path, **{f"unit__{n}": MAKES.format(n=n) for n in range(starts)})
    conftest = checkout / "tests" / "conftest.py"
    conftest.write_text(re.sub(r"MOST_RAY_STARTS = \d+", "MOST_RAY_STARTS = 2", conftest.read_text()))
    done = outcome(checkout, *cores)
    assert done.returncode == code, done.stdout
    assert f"Ray was started {starts} times, of 2 allowed" in done.stdout
