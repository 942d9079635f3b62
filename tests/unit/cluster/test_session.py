"""How a cluster that runs is joined: with which code, after how many connections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster import session
from cluster.connection.code import JOB_VARIABLE
from schemas.errors import ClusterUnreachable

PACKAGES = [Path("/code/vaengine"), Path("/code/schemas")]
SENT = {"runtime_env": {"py_modules": ["/code/vaengine", "/code/schemas"]}}
SUBMITTED = json.dumps({"runtime_env": {"py_modules": ["gcs://a.zip"]}})


@pytest.mark.parametrize(
    ("target", "packages", "job", "lack", "connections"),
    [
        ("head:6379", PACKAGES, None, False, [{}]),
        ("head:6379", PACKAGES, None, True, [{}, SENT]),
        ("head:6379", [], None, True, [{}]),
        ("head:6379", PACKAGES, SUBMITTED, True, [{}]),
        ("ray://head:10001", PACKAGES, None, False, [SENT]),
    ],
    ids=["the nodes have it", "a node lacks it", "none", "it came with the job", "through Ray Client"],
)
def test_code_is_sent_to_nodes_that_lack_it(
    target: str,
    packages: list[Path],
    job: str | None,
    lack: bool,
    connections: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[dict[str, Any]] = []
    asked: list[list[str]] = []

    def nodes_lack(names: list[str]) -> bool:
        asked.append(names)
        return lack

    monkeypatch.delenv(JOB_VARIABLE, raising=False)
    if job:
        monkeypatch.setenv(JOB_VARIABLE, job)
    monkeypatch.setattr("ray.shutdown", lambda: None)  # that of the suite stays
    monkeypatch.setattr(session, "require_fit", lambda target: None)
    monkeypatch.setattr(session, "nodes_lack", nodes_lack)
    monkeypatch.setattr(session, "_connect", lambda target, init, verbose: made.append(init))
    session._join(target, packages, verbose=False)
    assert made == connections
    assert all(names == ["vaengine", "schemas"] for names in asked)


def test_a_cluster_that_does_not_fit_is_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(target: str) -> None:
        raise ClusterUnreachable(target, "it runs another Ray")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(session, "require_fit", refused)
    monkeypatch.setattr(session, "_connect", never)
    with pytest.raises(ClusterUnreachable, match="another Ray"):
        session._join("head:6379", PACKAGES, verbose=False)
