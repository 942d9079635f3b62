"""Asks a cluster whether it can be used, within seconds, before Ray is started or anything is stored."""

from __future__ import annotations

import os
import socket
import time
from typing import Final

from cluster.connection.address import CONTROL_STORE, JOB_SERVER, ClusterAddress
from cluster.connection.discovery import FoundCluster, address_note, candidates, choose, read_note
from cluster.connection.gcs import Answer, ClusterFacts, ask_facts, check_alive
from cluster.connection.raylets import local_raylets
from cluster.connection.refusals import answer_refusal, connection_refusal, node_refusal
from cluster.connection.token import Token, mode, own_token, send_token
from cluster.connection.versions import own_versions, version_conflict
from schemas.errors import ClusterUnreachable

CONNECT_TIMEOUT_S: Final = 2.5  # An address may take so long to accept a connection.
REACH_TIMEOUT_S: Final = (
    4.7  # That, and all answers to whether it is Ray's: a busy head takes seconds for them.
)
ANSWER_TIMEOUT_S: Final = (
    2.2  # A cluster that is known to be there may take so long to say of what kind it is.
)
AUTO: Final = "auto"


def resolved(address: str) -> ClusterAddress:
    """The address that is meant; raises `ClusterUnreachable` for what is none, and where none runs."""
    if address != AUTO:
        return ClusterAddress.parse(address)
    found = running_cluster()
    if found is None:
        raise ClusterUnreachable(
            AUTO,
            "no cluster runs on this machine; start one with `ray start --head`, or leave --cluster out",
        )
    return ClusterAddress.parse(found.address)


def running_cluster() -> FoundCluster | None:
    """The cluster that `auto` means on this machine, None where none runs.

    A noted address is passed over once its head has ended, and so is a cluster that a program has started
    for itself, and that ends with it. RAY_ADDRESS is taken at its word.
    """
    note = address_note(os.environ)
    found = candidates(os.environ, note, read_note(note), local_raylets)
    return choose(found, is_there=is_there, is_lasting=is_lasting)


def reachable(address: str) -> str:
    """The address for `ray.init`, once it answers as Ray's servers do to the token that it asks for.

    Raises `ClusterUnreachable` within 5 s. Ray itself waits 20 s, and never says why.
    """
    where = resolved(address)
    if where.kind == JOB_SERVER:
        raise ClusterUnreachable(
            address,
            "that is a job server, which `vaengine cluster submit` takes; a run takes HOST:PORT of the head",
        )
    deadline_s = time.monotonic() + REACH_TIMEOUT_S
    _require_connection(address, where)
    if not uses_tls():
        _require_answer(address, where, deadline_s)
    return str(where)


def require_fit(address: str) -> ClusterFacts | None:
    """Raises `ClusterUnreachable` where Ray would refuse a driver of this process, or wait for a node here.

    Returns what the cluster says of itself; None where it cannot be asked: over TLS, for which Ray has the
    certificates, and through Ray Client, which compares versions itself.
    """
    where = ClusterAddress.parse(address)
    if where.kind != CONTROL_STORE or uses_tls():
        return None
    facts = facts_of(where)
    refusal = version_conflict(facts.versions, own_versions(), os.environ) or node_refusal(
        where.target, facts.node_ids, {raylet.node_id for raylet in local_raylets()}
    )
    if refusal:
        raise ClusterUnreachable(address, refusal)
    return facts


def require_usable(address: str) -> None:
    """Raises `ClusterUnreachable` where no run can begin on the cluster now.

    Its head does not answer, its versions are others, or this machine is no node of it.
    """
    require_fit(reachable(address))


def facts_of(where: ClusterAddress) -> ClusterFacts:
    """What a cluster that has answered says of itself; raises `ClusterUnreachable`."""
    try:
        return ask_facts(where.target, _token_sent(), ANSWER_TIMEOUT_S)
    except ConnectionError as error:
        raise ClusterUnreachable(
            str(where), f"{where.target} does not answer any more ({error}); check `ray status`"
        ) from error


def is_there(address: str) -> bool:
    """Whether a server of Ray's answers at an address, with whatever token."""
    try:
        where = ClusterAddress.parse(address)
        _require_connection(address, where)
    except ClusterUnreachable:
        return False
    answer = check_alive(where.target, None, ANSWER_TIMEOUT_S)
    return answer.status == "UNAUTHENTICATED" or answer_refusal(where, answer, None, "") is None


def is_lasting(address: str) -> bool:
    """Whether a cluster that is there outlasts the program that started it; false where it does not say."""
    try:
        where = ClusterAddress.parse(reachable(address))
        return where.kind != CONTROL_STORE or not facts_of(where).ends_with_driver
    except ClusterUnreachable:
        return False


def uses_tls() -> bool:
    """Whether Ray's connections are encrypted: Ray has the certificates, these questions have none."""
    return os.environ.get("RAY_USE_TLS", "0") not in ("", "0")


def _require_connection(address: str, where: ClusterAddress) -> None:
    try:
        socket.create_connection((where.host, where.port), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise ClusterUnreachable(address, connection_refusal(where.target, error)) from error


def _require_answer(address: str, where: ClusterAddress, deadline_s: float) -> None:
    """Ask without a token first where the user has not said: a token belongs to one cluster alone."""
    said = mode(os.environ)

    def asked(token: Token | None) -> Answer:
        return check_alive(where.target, token, max(0.1, deadline_s - time.monotonic()))

    token = own_token() if said == "token" else None
    answer = asked(token)
    if answer.status == "UNAUTHENTICATED" and not said and (token := own_token()):
        answer = asked(token)
    if refusal := answer_refusal(where, answer, token, said):
        raise ClusterUnreachable(address, refusal)
    if token:
        send_token()


def _token_sent() -> Token | None:
    return own_token() if mode(os.environ) == "token" else None
