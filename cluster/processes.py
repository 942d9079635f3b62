"""Ending a process of a Ray node, from anywhere in the cluster."""

from __future__ import annotations

import logging

from cluster.session import Session

END_SECONDS = 10.0  # that a node may take to answer

log = logging.getLogger(__name__)


def end_process(session: Session, node_id: str, pid: int) -> None:
    """End a Ray worker that hangs; a process that is none, since the number was given anew, is left alone."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    if node_id == session.node_id:
        end_worker(pid)
        return
    there = NodeAffinitySchedulingStrategy(node_id, soft=False)
    task = ray.remote(end_worker).options(num_cpus=0, scheduling_strategy=there, max_retries=0).remote(pid)
    try:
        ray.get(task, timeout=END_SECONDS)
    except ray.exceptions.RayError as error:
        log.warning("process %d of node %s could not be ended: %s", pid, node_id, error)


def end_worker(pid: int) -> None:
    """End this machine's Ray worker `pid`; it cannot be asked, since it hangs."""
    import psutil

    try:
        process = psutil.Process(pid)
        if any("ray::" in part for part in process.cmdline()):
            process.kill()
    except psutil.NoSuchProcess:
        log.info("process %d is gone already", pid)
