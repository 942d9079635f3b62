"""The images and the compose file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cluster import launch

FOLDER = Path(launch.__file__).parent
ROOT = FOLDER.parents[1]
PROGRAMS = Path(sys.executable).parent


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_the_linter_of_images_finds_nothing(name: str) -> None:
    found = subprocess.run(
        [PROGRAMS / "hadolint", FOLDER / name], check=False, capture_output=True, text=True, timeout=60
    )
    assert (found.stdout, found.returncode) == ("", 0)


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_an_image_runs_as_no_root_with_its_bytecode_compiled(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert re.findall(r"^USER (\d+)", text, re.MULTILINE)[-1] == "1000"
    assert all("--compile-bytecode" in line for line in text.split("RUN ")[1:] if "uv pip install" in line)


def test_the_image_copies_what_is_there_and_no_models() -> None:
    text = (FOLDER / "Dockerfile").read_text()
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)", text, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {"vaengine", "actors", "cluster", "schemas", "requirements.lock"} <= set(copied)
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{source}" for source in copied} == {line for line in ignored if line.startswith("!")}


def test_the_compose_file_keeps_to_the_specification() -> None:
    command = [
        PROGRAMS / "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        FOLDER / "compose.yaml",
    ]
    found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stdout


def test_every_service_of_ours_sees_the_same_paths_and_has_the_token() -> None:
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    ours = {name: service for name, service in services.items() if name != "db"}
    assert {"head", "worker", "worker-gpu", "vaengine", "serve", "work"} == set(ours)
    assert len({tuple(service["volumes"]) for service in ours.values()}) == 1
    assert all(service["secrets"] == ["ray_token"] for service in ours.values())
    assert services["db"]["image"].startswith("pgvector/")
