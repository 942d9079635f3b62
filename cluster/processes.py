"""Ends a process of a Ray node, from anywhere in the cluster."""

from __future__ import annotations

import logging

from cluster.session import Session

END_TIMEOUT_S = 10.0  # A node may take so long to answer.

log = logging.getLogger(__name__)


def end_process(session: Session, node_id: str, pid: int) -> None:
    """Ends a Ray worker that hangs.

    A process that is no Ray worker is left alone: the system may have given its number anew.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    if node_id == session.node_id:
        end_worker(pid)
        return
    on_node = NodeAffinitySchedulingStrategy(node_id, soft=False)
    task = ray.remote(end_worker).options(num_cpus=0, scheduling_strategy=on_node, max_retries=0).remote(pid)
    try:
        ray.get(task, timeout=END_TIMEOUT_S)
    except ray.exceptions.RayError as error:
        ray.cancel(task)  # else it would go on asking for a node that may be gone
        log.info("process %d of node %s could not be ended: %s", pid, node_id, error)


def end_worker(pid: int) -> None:
    """Kills this machine's Ray worker `pid`; a worker that hangs does not react to requests."""
    import psutil

    try:
        process = psutil.Process(pid)
        if any("ray::" in part for part in process.cmdline()):
            process.kill()
    except psutil.NoSuchProcess:
        log.info("process %d is gone already", pid)
