"""Why batches cannot be handed to a job server: each answer as one line with cause and cure. Pure."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet

from cluster.connection.address import ClusterAddress
from cluster.connection.refusals import token_refusal
from cluster.connection.token import Token


def version_refusal(url: str, status: int, text: str, token: Token | None, mode: str) -> str | None:
    """Cause and cure for a server's answer to /api/version, asked with `token`; None for a job server's."""
    if status in (401, 403):
        return token_refusal(token, mode)
    try:
        is_ray = status == 200 and "ray_version" in json.loads(text)
    except (json.JSONDecodeError, TypeError):
        is_ray = False
    if is_ray:
        return None
    return (
        f"{url} does not answer as a job server of Ray does (status {status}); check the address, and that "
        "the head has its dashboard (port 8265)"
    )


def loopback_refusal(head: ClusterAddress, job_server: ClusterAddress, here: AbstractSet[str]) -> str | None:
    """Cause and cure where only the head's own machine reaches its job server; `here` are our addresses."""
    if not job_server.is_loopback or head.is_loopback or head.host in here:
        return None
    return (
        f"its job server listens on {job_server.target} of its own machine alone; start the head with "
        "--dashboard-host=0.0.0.0, or give the command there"
    )
