"""Whether code has to travel: by the files of the packages, and by what the nodes have answered."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cluster.connection.code import JOB_VARIABLE, have_to_travel, installed_digest, travels_with_job


def package(folder: Path, text: str) -> str:
    """The digest of a package with one module of this text."""
    (folder / "travelling").mkdir(parents=True)
    (folder / "travelling" / "__init__.py").write_text(text)
    (folder / "travelling" / "cached.pyc").write_bytes(text.encode())
    sys.path.insert(0, str(folder))
    try:
        sys.path_importer_cache.clear()
        digest = installed_digest(["travelling"])
    finally:
        sys.path.remove(str(folder))
    assert digest is not None
    return digest


def test_the_digest_of_packages_is_that_of_their_files_wherever_they_lie(tmp_path: Path) -> None:
    one, same, other = (
        package(tmp_path / name, text) for name, text in (("a", "x = 1"), ("b", "x = 1"), ("c", "x = 2"))
    )
    assert one == same != other


@pytest.mark.parametrize(
    "names", [["no_such_package_here"], ["schemas", "no_such_package_here"], ["json.tool"]]
)
def test_a_missing_package_has_no_digest(names: list[str]) -> None:
    assert installed_digest(names) is None


@pytest.mark.parametrize(
    ("digests", "nodes", "travels"),
    [
        (["a", "a"], 2, False),
        (["a"], 2, True),
        (["a", "b"], 2, True),
        (["a", None], 2, True),
        ([], 0, False),
    ],
    ids=str,
)
def test_code_travels_unless_every_node_has_said_that_it_has_the_same(
    digests: list[str | None], nodes: int, travels: bool
) -> None:
    assert have_to_travel(digests, "a", nodes) == travels
    assert have_to_travel(digests, None, nodes)


@pytest.mark.parametrize(
    ("told", "travels"),
    [
        (None, False),
        ("", False),
        ({}, False),
        ({"runtime_env": None}, False),
        ({"runtime_env": {"working_dir": "gcs://x.zip"}}, False),
        ({"runtime_env": {"py_modules": ["gcs://x.zip"]}}, True),
    ],
    ids=str,
)
def test_code_that_came_with_a_submitted_job_is_not_sent_again(told: object, travels: bool) -> None:
    environment = {} if told is None else {JOB_VARIABLE: told if isinstance(told, str) else json.dumps(told)}
    assert travels_with_job(environment) == travels


def test_the_variable_of_a_submitted_job_is_rays() -> None:
    from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR

    assert JOB_VARIABLE == RAY_JOB_CONFIG_JSON_ENV_VAR
