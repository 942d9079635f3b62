"""How batches share a cluster: by weight, within limits, and nothing is left over that somebody may use."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.inventory import Inventory
from cluster.nodes import inventory_of
from cluster.shares import Claim, Tenant, fair_shares, share_of

GIB = 1 << 30
CLUSTER = Inventory(4, 32.0, 4.0, 64 * GIB, 16 * GIB)
ALL = math.inf


@pytest.mark.parametrize(
    ("claims", "shares"),
    [
        ({"a": Claim(1, ALL)}, {"a": 12.0}),
        ({"a": Claim(1, ALL), "b": Claim(1, ALL)}, {"a": 6.0, "b": 6.0}),
        ({"a": Claim(1, ALL), "b": Claim(2, ALL)}, {"a": 4.0, "b": 8.0}),
        ({"a": Claim(1, 2.0), "b": Claim(1, ALL)}, {"a": 2.0, "b": 10.0}),
        ({"a": Claim(1, 2.0), "b": Claim(1, 5.0), "c": Claim(2, ALL)}, {"a": 2.0, "b": 10 / 3, "c": 20 / 3}),
        ({"a": Claim(1, 2.0), "b": Claim(1, 3.0)}, {"a": 2.0, "b": 3.0}),
        ({}, {}),
    ],
)
def test_shares_are_as_the_weights_and_what_one_may_not_have_goes_to_the_others(
    claims: dict[str, Claim], shares: dict[str, float]
) -> None:
    assert fair_shares(12.0, claims) == pytest.approx(shares)


CLAIMS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(Claim, st.floats(0.1, 100), st.one_of(st.just(ALL), st.floats(0, 20))),
    min_size=1,
)


@given(st.floats(0, 100), CLAIMS)
def test_no_limit_is_passed_nothing_usable_is_left_and_who_has_less_for_its_weight_is_at_its_limit(
    total: float, claims: dict[str, Claim]
) -> None:
    """That is what weighted max-min fairness means."""
    shares = fair_shares(total, claims)
    assert all(shares[name] <= claim.most for name, claim in claims.items())
    assert sum(shares.values()) == pytest.approx(
        min(total, sum(one.most for one in claims.values())), abs=1e-6
    )
    level = max(shares[name] / claim.weight for name, claim in claims.items())
    for name, claim in claims.items():
        assert shares[name] / claim.weight >= level - 1e-6 or shares[name] == pytest.approx(claim.most)


def test_a_batch_alone_has_the_whole_cluster_and_its_limits_hold_even_then() -> None:
    assert share_of("a", [Tenant("a")], CLUSTER) == CLUSTER
    mine = share_of("a", [Tenant("a", max_cpus=6, max_gpus=1)], CLUSTER)
    assert (mine.cpus, mine.gpus) == (6.0, 1)


def test_two_batches_have_half_each_and_a_third_of_more_weight_has_more() -> None:
    two = [Tenant("a"), Tenant("b")]
    assert [share_of(one.batch_id, two, CLUSTER).cpus for one in two] == [16.0, 16.0]
    three = [*two, Tenant("c", priority=2)]
    found = [share_of(one.batch_id, three, CLUSTER) for one in three]
    assert [(one.cpus, one.gpus) for one in found] == [(8.0, 1), (8.0, 1), (16.0, 2)]


def test_however_many_share_a_small_cluster_each_can_do_something() -> None:
    many = [Tenant(str(number)) for number in range(100)]
    assert {share_of(one.batch_id, many, CLUSTER).cpus for one in many} == {1.0}
    assert share_of("0", many, Inventory(0, 0.0, 0.0, 0, 0)).cpus == 0.0


@pytest.mark.parametrize("wrong", [{"priority": 0}, {"max_cpus": -1}, {"max_gpus": -0.5}])
def test_a_tenant_of_no_weight_or_a_negative_limit_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a priority is above 0 and a limit is not negative"):
        Tenant("a", **wrong)


def node(name: str, *, alive: bool = True, **resources: float) -> dict[str, object]:
    return {"NodeID": name, "Alive": alive, "Resources": resources}


def test_only_nodes_that_live_and_are_not_drained_can_take_new_work() -> None:
    nodes = [
        node("head", CPU=0.0, memory=8.0 * GIB, object_store_memory=1.0 * GIB),
        node("one", CPU=8.0, GPU=1.0, memory=8.0 * GIB, object_store_memory=1.0 * GIB),
        node("drained", CPU=8.0, GPU=1.0),
        node("dead", alive=False, CPU=8.0),
    ]
    assert inventory_of(nodes, {"drained"}) == Inventory(2, 8.0, 1.0, 16 * GIB, 2 * GIB)
    assert inventory_of([], set()) == Inventory(0, 0.0, 0.0, 0, 0)
