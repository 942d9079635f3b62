"""What an address means, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cluster.connection.address import CONTROL_STORE, JOB_SERVER, RAY_CLIENT, ClusterAddress
from schemas.errors import ClusterUnreachable


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("10.0.0.1", CONTROL_STORE, "10.0.0.1:6379"),
        ("head.example:7001", CONTROL_STORE, "head.example:7001"),
        (" head:1 ", CONTROL_STORE, "head:1"),
        ("[::1]:6379", CONTROL_STORE, "[::1]:6379"),
        ("[fe80::1]", CONTROL_STORE, "[fe80::1]:6379"),
        ("ray://head", RAY_CLIENT, "ray://head:10001"),
        ("RAY://head:7", RAY_CLIENT, "ray://head:7"),
        ("http://head", JOB_SERVER, "http://head:8265"),
        ("http://head:8265/", JOB_SERVER, "http://head:8265"),
        ("https://jobs.example", JOB_SERVER, "https://jobs.example:443"),
    ],
)
def test_an_address_names_a_server_and_has_the_port_that_ray_uses(text: str, kind: str, shown: str) -> None:
    address = ClusterAddress.parse(text)
    assert (address.kind, str(address)) == (kind, shown)
    assert ClusterAddress.parse(shown) == address


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("", "give HOST:PORT"),
        (":6379", "give HOST:PORT"),
        ("head:port", "give HOST:PORT"),
        ("head:0", "give HOST:PORT"),
        ("head:70000", "give HOST:PORT"),
        ("two words", "give HOST:PORT"),
        ("ray://", "give HOST:PORT"),
        ("anyscale://x", "anyscale:// is unknown; give HOST:PORT, ray://HOST:PORT, or auto"),
    ],
)
def test_what_is_no_address_is_told_in_one_line_with_the_cure(text: str, cure: str) -> None:
    with pytest.raises(ClusterUnreachable) as refusal:
        ClusterAddress.parse(text)
    assert cure in str(refusal.value)
    assert "\n" not in str(refusal.value)


@given(some.text())
def test_every_text_is_an_address_that_reads_back_or_is_refused(text: str) -> None:
    try:
        address = ClusterAddress.parse(text)
    except ClusterUnreachable:
        return
    assert ClusterAddress.parse(str(address)) == address


def test_the_loopback_is_known_by_name_and_number() -> None:
    ends_here = [ClusterAddress("", host, 1).is_loopback for host in ("127.0.0.1", "localhost", "::1")]
    assert ends_here == [True, True, True]
    assert not ClusterAddress("", "10.0.0.1", 1).is_loopback
