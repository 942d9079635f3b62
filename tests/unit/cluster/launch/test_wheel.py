"""The launch files are part of the package and of the documentation."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from cluster import launch

FOLDER = Path(launch.__file__).parent


def test_the_wheel_holds_every_launch_file(tmp_path: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    options = ["--wheel", "--no-build-isolation", "--offline", "--quiet", "--python", sys.executable]
    subprocess.run([uv, "build", *options, "--out-dir", tmp_path, FOLDER.parents[1]], check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {
            name for name in archive.namelist() if name.startswith("cluster/launch/") and name[-1] != "/"
        }
    there = {f"cluster/launch/{path.name}" for path in FOLDER.iterdir() if path.is_file()}
    assert len(there) > 10
    assert there == packed


def test_the_page_about_clusters_names_every_launch_file() -> None:
    page = (FOLDER.parents[1] / "docs" / "laptop-to-cluster.md").read_text(encoding="utf-8")
    names = {path.name for path in FOLDER.iterdir() if path.is_file()} - {"__init__.py"}
    assert [name for name in sorted(names) if f"`{name.removesuffix('.dockerignore')}`" not in page] == []
