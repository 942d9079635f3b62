"""The files of `ray up`: Ray takes them, and they say what a run needs of a cluster."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from cluster import launch

FOLDER = Path(launch.__file__).parent
NAMES = ("aws", "gcp", "onprem")
CLOUDS = ("aws", "gcp")
# Of EC2's RunInstances and GCP's instances.insert, which Ray passes on unread.
NODE_KEYS = {
    "aws": {"InstanceType", "InstanceMarketOptions", "BlockDeviceMappings", "IamInstanceProfile", "ImageId"},
    "gcp": {"machineType", "disks", "serviceAccounts", "scheduling", "guestAccelerators", "metadata"},
}


def read(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return config


@pytest.mark.parametrize("name", NAMES)
def test_ray_takes_the_file(name: str) -> None:
    validate_config(prepare_config(copy.deepcopy(read(name))))


@pytest.mark.parametrize("name", NAMES)
def test_ray_refuses_the_file_with_a_key_that_it_does_not_know(name: str) -> None:
    with pytest.raises(jsonschema.ValidationError, match="head_nod_type"):
        validate_config(prepare_config(read(name) | {"head_nod_type": "head"}))


@pytest.mark.parametrize("name", NAMES)
def test_the_head_does_no_work_and_jobs_have_the_time_to_stop(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    (start,) = (line for line in read(name)["head_start_ray_commands"] if "--head" in line)
    assert "--num-cpus=0" in start
    assert "RAY_JOB_STOP_WAIT_TIME_S=90" in text


@pytest.mark.parametrize("name", NAMES)
def test_every_node_asks_for_the_token_and_has_it(name: str) -> None:
    config = read(name)
    assert any(path.endswith(".ray/auth_token") for path in config["file_mounts"])
    assert "RAY_AUTH_MODE=token" in (FOLDER / f"{name}.yaml").read_text()


@pytest.mark.parametrize("name", CLOUDS)
def test_workers_with_and_without_gpus_come_from_zero_on_spot_machines(name: str) -> None:
    types = read(name)["available_node_types"]
    workers = {kind: value for kind, value in types.items() if kind != read(name)["head_node_type"]}
    assert {bool(value["resources"].get("GPU")) for value in workers.values()} == {True, False}
    assert {value["min_workers"] for value in workers.values()} == {0}
    assert all("spot" in str(value["node_config"]).lower() for value in workers.values())
    assert sum(value["max_workers"] for value in workers.values()) <= read(name)["max_workers"]


@pytest.mark.parametrize("name", CLOUDS)
def test_a_node_is_described_by_keys_of_its_cloud(name: str) -> None:
    for kind in read(name)["available_node_types"].values():
        assert set(kind["node_config"]) <= NODE_KEYS[name]


def test_machines_of_ones_own_are_all_used_at_once() -> None:
    config = read("onprem")
    assert config["min_workers"] == config["max_workers"] == len(config["provider"]["worker_ips"])
    (start,) = (line for line in config["head_start_ray_commands"] if "--head" in line)
    assert "RAY_enable_autoscaler_v2=0" in start, "version 2 never adds a machine of the provider `local`"
