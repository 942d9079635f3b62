"""The suite itself: what is skipped where nothing may be fails it, on one core as on several, and the
longest files come first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[2] / "conftest.py"
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
    "markers=gpu:\nshared:",
    "--strict-markers",
)


def suite(folder: Path, **modules: str) -> Path:
    """A checkout beside a folder of real clips, with `level__name` modules and this suite's own conftest."""
    (folder / "shared").mkdir()
    tests = folder / "checkout" / "tests"
    tests.mkdir(parents=True)
    shutil.copy(CONFTEST, tests)
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


@pytest.mark.parametrize("cores", [ONE_CORE, TWO_CORES], ids=["one core", "two cores"])
def test_a_skipped_test_fails_the_suite_where_there_is_everything_to_run_it(
    cores: tuple[str, ...], tmp_path: Path
) -> None:
    checkout = suite(tmp_path, unit__one=SKIPS, unit__two=PASSES)
    done = outcome(checkout, *cores)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert done.stdout.count("SKIPPED where nothing may be: tests/unit/test_one.py::test_unseen") == 1
    assert "1 passed, 1 skipped" in done.stdout


def test_a_skipped_test_is_no_failure_for_a_developer_or_without_the_real_clips(tmp_path: Path) -> None:
    checkout = suite(tmp_path, unit__one=SKIPS)
    assert outcome(checkout, ci=False).returncode == pytest.ExitCode.OK
    (tmp_path / "shared").rmdir()
    assert outcome(checkout).returncode == pytest.ExitCode.OK


@pytest.mark.parametrize("cores", [ONE_CORE, TWO_CORES], ids=["one core", "two cores"])
def test_what_needs_a_gpu_may_be_skipped(cores: tuple[str, ...], tmp_path: Path) -> None:
    checkout = suite(tmp_path, contract__one=NEEDS_A_GPU, unit__two=PASSES)
    (checkout / "torch.py").write_text(HAS_NO_GPU)
    done = outcome(checkout, *cores)
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert "1 passed, 1 skipped" in done.stdout


def test_on_several_cores_the_level_with_the_longest_files_begins(tmp_path: Path) -> None:
    levels = ("acceptance", "integration", "contract", "unit")
    checkout = suite(tmp_path, **{f"{level}__{level}": PASSES for level in levels})
    done = outcome(checkout, "-n", "1", *TWO_CORES[2:], "-v")
    ran = [line.split("/")[1] for line in done.stdout.splitlines() if "PASSED" in line]
    assert ran == list(levels), done.stdout
