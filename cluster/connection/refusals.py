"""Why a cluster cannot be used: each answer as one line with cause and cure. Pure: nothing is asked here."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from cluster.connection.address import RAY_CLIENT, ClusterAddress
from cluster.connection.gcs import Answer
from cluster.connection.token import MODE_VARIABLE, PATH_VARIABLE, TOKEN_VARIABLE, Token

SET_TOKEN = f"set {TOKEN_VARIABLE} or {PATH_VARIABLE}, or copy ~/.ray/auth_token of its head to here"
_STRANGE = "does not answer as a Ray cluster does"
_SILENT = {
    **dict.fromkeys(("UNAVAILABLE", "UNKNOWN", "INTERNAL"), _STRANGE),
    "DEADLINE_EXCEEDED": "takes connections and has not answered in time: it is busy, or no Ray cluster",
}
_NO_SERVICE = "http2 header with status"  # how gRPC reports the answer of a proxy
_WEB_SERVER = ("http1.x server", "Failed parsing HTTP/2")  # and that of a web server


def connection_refusal(target: str, error: Exception) -> str:
    """Cause and cure where nothing accepts a connection."""
    return (
        f"{target} does not answer ({error}): nothing runs there, or its head has ended; start one with "
        "`ray start --head`, or check the address"
    )


def answer_refusal(where: ClusterAddress, answer: Answer, token: Token | None, mode: str) -> str | None:
    """Cause and cure for an answer to the health check, asked with `token`; None where Ray answers.

    `mode` is the user's RAY_AUTH_MODE.
    """
    target = where.target
    if answer.status == "UNAUTHENTICATED":
        return token_refusal(token, mode)
    if any(words in answer.details for words in _WEB_SERVER):
        return (
            f"{target} answers as a web server, as Ray's dashboard does: a run needs the port of the head "
            "(6379), `vaengine cluster submit` that of the dashboard (8265); check the address and its port"
        )
    if answer.status in _SILENT or _NO_SERVICE in answer.details:
        what = _SILENT.get(answer.status, _STRANGE)
        return f"{target} {what}; check the address and its port"
    if (answer.status == "OK") == (where.kind == RAY_CLIENT):
        return _other_port_refusal(where)
    if mode == "token" and token is None:
        return f"{MODE_VARIABLE}=token asks for a token and there is none; {SET_TOKEN}"
    return None


def _other_port_refusal(where: ClusterAddress) -> str:
    if where.kind == RAY_CLIENT:
        return f"{where.target} is the port of its head; leave ray:// out, or give Ray Client's port (10001)"
    return (
        f"{where.target} is no head's; give the head's port (6379), or ray://{where.target} "
        "if that is Ray Client's; check the address and its port"
    )


def token_refusal(token: Token | None, mode: str) -> str:
    """Cause and cure where a server has asked for a token, and `token` was sent."""
    if token:
        return f"it refuses the token of {token.origin}; {SET_TOKEN} (`ray get-auth-token` prints it there)"
    if mode == "disabled":
        return f"it asks for a token, and {MODE_VARIABLE}=disabled sends none; unset {MODE_VARIABLE}"
    return f"it asks for a token and there is none; {SET_TOKEN}"


def node_refusal(target: str, node_ids: AbstractSet[str], here: AbstractSet[str]) -> str | None:
    """Cause and cure where no node of the cluster runs on this machine, which a driver needs."""
    if node_ids & here:
        return None
    return (
        "this machine is no node of it; hand the batch to it with `vaengine cluster submit`, or join it with "
        f"`ray start --address={target}`"
    )
