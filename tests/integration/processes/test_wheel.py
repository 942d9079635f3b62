"""The wheel holds everything that runs: installed into a new environment, the command works
without the checkout.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.support.media.clips import counting

ROOT = Path(__file__).parents[3]
UV = Path(sys.executable).with_name("uv")
FILES = (
    "vaengine/model_selection/overlays/fast.yaml",
    "actors/stores/sql/named/",
    "actors/stores/migrations/versions/",
    "schemas/py.typed",
    "cluster/py.typed",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [UV, "build", "--quiet", "--offline", "--no-build-isolation", "--wheel", "-o", folder, ROOT],
        check=True,
    )
    return next(folder.glob("vaengine-*.whl"))


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment of its own; the libraries are those that are here, but not the
    checkout.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    python = folder / "bin" / "python"
    told = ["--quiet", "--offline", "--no-deps", "--no-index", "--python", python]
    subprocess.run([UV, "pip", "install", *told, wheel], check=True)
    own = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    Path(own, "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "vaengine"


def said(command: Path, *arguments: str, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "VAENGINE_OFFLINE": "1"
    }
    done = subprocess.run(
        [command, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_code_settings_sql_and_migrations(wheel: Path) -> None:
    from zipfile import ZipFile

    names = ZipFile(wheel).namelist()
    assert [part for part in FILES if not any(name.startswith(part) for name in names)] == []
    assert [name for name in names if name.startswith(("tests/", "bench/"))] == []


@pytest.mark.long
def test_the_installed_command_is_the_wheels_and_plans_a_run(command: Path, tmp_path: Path) -> None:
    clip = counting(tmp_path, frames=6).path
    assert said(command, "--version", cwd=tmp_path).startswith("vaengine ")
    where = subprocess.check_output(
        [command.with_name("python"), "-P", "-c", "import vaengine; print(vaengine.__file__)"], text=True
    )
    assert where.startswith(str(command.parents[1]))
    assert "feasible    yes" in said(
        command, "run", str(clip), "--out", "out", "--preset", "embedded", "--dry-run", cwd=tmp_path
    )
    assert "scene" in said(command, "config", "show", cwd=tmp_path)
