"""Whether the nodes of a cluster have our code already, or it has to travel.

Two versions of one number may differ, as in a checkout. So the files are compared.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ASK_TIMEOUT_S: Final = (
    15.0  # A node may take so long to start a worker; code travels to one that takes longer.
)
JOB_VARIABLE: Final = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # in which Ray hands a submitted job its environment


def installed_digest(names: Sequence[str]) -> str | None:
    """SHA-256 of all files of installed packages, None where one is missing.

    Runs on nodes that may not have this module, so it is sent by value.
    """
    total = hashlib.sha256()
    for name in names:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        if spec is None or not spec.submodule_search_locations:
            return None
        folder = Path(next(iter(spec.submodule_search_locations)))
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                total.update(f"{name}/{path.relative_to(folder)}\0".encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def travels_with_job(environment: Mapping[str, str]) -> bool:
    """Whether this process is a submitted job whose code Ray sends along already."""
    try:
        job = json.loads(environment.get(JOB_VARIABLE, ""))
    except json.JSONDecodeError:
        return False
    return bool((job.get("runtime_env") or {}).get("py_modules"))


def have_to_travel(digests: Sequence[str | None], own: str | None, nodes: int) -> bool:
    """Whether code has to be sent, by the digests of the nodes that have answered in time."""
    return own is None or len(digests) < nodes or any(digest != own for digest in digests)


def nodes_lack(names: Sequence[str]) -> bool:
    """Whether a node of the cluster that this process is connected to lacks these packages, or has others."""
    import ray
    from ray import cloudpickle
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    code = sys.modules[__name__]
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    cloudpickle.register_pickle_by_value(code)
    try:
        remote = ray.remote(installed_digest)
        tasks = [
            remote.options(
                num_cpus=0,
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            ).remote(names)
            for node in nodes
        ]
    finally:
        cloudpickle.unregister_pickle_by_value(code)
    done, waiting = ray.wait(tasks, num_returns=len(tasks), timeout=ASK_TIMEOUT_S)
    for task in waiting:
        ray.cancel(task, force=True)
    return have_to_travel([_digest(task) for task in done], installed_digest(names), len(nodes))


def _digest(task: object) -> str | None:
    """A node's answer; None where it could not give one."""
    import ray

    try:
        digest: str | None = ray.get(task)
    except ray.exceptions.RayError:
        return None
    return digest
