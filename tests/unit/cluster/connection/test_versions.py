"""Which versions fit together: a table, and Ray's own rule beside ours."""

from __future__ import annotations

import pytest

from cluster.connection.versions import LEVEL_VARIABLE, Versions, own_versions, version_conflict

HERE = Versions("2.60.0", "3.11.7")
MINOR = {LEVEL_VARIABLE: "minor"}


@pytest.mark.parametrize(
    ("cluster", "environment", "fits"),
    [
        (HERE, {}, True),
        (Versions("2.59.1", "3.11.7"), {}, False),
        (Versions("2.60.0", "3.11.9"), {}, False),
        (Versions("2.60.0", "3.11.9"), MINOR, True),
        (Versions("2.60.0", "3.12.7"), MINOR, False),
        (Versions("2.60.1", "3.11.7"), MINOR, False),
        (Versions("", ""), {}, True),
    ],
    ids=str,
)
def test_a_driver_needs_the_versions_of_its_cluster_as_far_as_ray_asks_for_them(
    cluster: Versions, environment: dict[str, str], fits: bool
) -> None:
    conflict = version_conflict(cluster, HERE, environment)
    assert (conflict is None) == fits
    if conflict:
        assert str(cluster) in conflict
        assert str(HERE) in conflict
        assert "\n" not in conflict


def test_own_versions_are_those_that_ray_compares() -> None:
    import ray
    from ray._private.utils import compute_version_info

    assert (own_versions().ray, own_versions().python) == compute_version_info()[:2]
    assert own_versions().ray == ray.__version__
