"""Each answer of a server as one line with cause and cure: a table."""

from __future__ import annotations

import pytest

from cluster.connection.address import ClusterAddress
from cluster.connection.gcs import Answer
from cluster.connection.refusals import answer_refusal, connection_refusal, node_refusal
from cluster.connection.token import Token

HEAD, CLIENT = ClusterAddress.parse("head:6379"), ClusterAddress.parse("ray://head:10001")
OK, NO_TOKEN = Answer("OK", ray_version="2.60.0"), Answer("UNAUTHENTICATED", "InvalidAuthToken: missing")
NO_METHOD = Answer("UNIMPLEMENTED", "Method not found!")
WEB = Answer("UNAVAILABLE", "Failed parsing HTTP/2 (Trying to connect an http1.x server (HTTP status 400))")
TOKEN = Token("f" * 64, "RAY_AUTH_TOKEN")


@pytest.mark.parametrize(
    ("where", "answer", "token", "mode", "says"),
    [
        (HEAD, OK, None, "", None),
        (HEAD, OK, TOKEN, "token", None),
        (HEAD, OK, None, "disabled", None),
        (
            HEAD,
            OK,
            None,
            "token",
            "RAY_AUTH_MODE=token asks for a token and there is none; set RAY_AUTH_TOKEN",
        ),
        (HEAD, NO_TOKEN, None, "", "it asks for a token and there is none; set RAY_AUTH_TOKEN"),
        (HEAD, NO_TOKEN, None, "token", "it asks for a token and there is none"),
        (HEAD, NO_TOKEN, None, "disabled", "unset RAY_AUTH_MODE"),
        (HEAD, NO_TOKEN, TOKEN, "", "it refuses the token of RAY_AUTH_TOKEN; set"),
        (HEAD, WEB, None, "", "answers as a web server, as Ray's dashboard does"),
        (HEAD, NO_METHOD, None, "", "ray://head:6379 if that is Ray Client's"),
        (HEAD, Answer("DEADLINE_EXCEEDED"), None, "", "has not answered in time: it is busy, or no Ray"),
        (HEAD, Answer("UNAVAILABLE", "x"), None, "", "head:6379 does not answer as a Ray cluster does"),
        (HEAD, Answer("UNKNOWN", "x"), TOKEN, "token", "check the address and its port"),
        (HEAD, Answer("UNAUTHENTICATED", "http2 header with status: 401"), None, "", "it asks for a token"),
        (
            HEAD,
            Answer("UNIMPLEMENTED", "http2 header with status: 404"),
            None,
            "",
            "does not answer as a Ray",
        ),
        (CLIENT, NO_METHOD, None, "", None),
        (CLIENT, NO_TOKEN, None, "", "it asks for a token and there is none"),
        (CLIENT, OK, None, "", "head:10001 is the port of its head; leave ray:// out"),
    ],
)
def test_an_answer_is_ray_or_one_line_with_the_cure(
    where: ClusterAddress, answer: Answer, token: Token | None, mode: str, says: str | None
) -> None:
    refusal = answer_refusal(where, answer, token, mode)
    if says is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert says in refusal
        assert "\n" not in refusal


def test_a_head_that_is_gone_is_told_with_the_systems_reason() -> None:
    refusal = connection_refusal("head:6379", ConnectionRefusedError(111, "Connection refused"))
    assert refusal.startswith(
        "head:6379 does not answer ([Errno 111] Connection refused): nothing runs there, or "
    )
    assert "its head has ended; start one with `ray start --head`" in refusal


def test_a_driver_needs_a_node_of_the_cluster_on_its_machine() -> None:
    assert node_refusal("head:6379", {"a", "b"}, {"b", "c"}) is None
    refusal = node_refusal("head:6379", {"a"}, {"c"})
    assert refusal is not None
    assert "`vaengine cluster submit`" in refusal
    assert "`ray start --address=head:6379`" in refusal
