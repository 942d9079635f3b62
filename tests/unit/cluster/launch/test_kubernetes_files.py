"""The files for KubeRay, against its own definitions of the resources."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml

from cluster import launch

FOLDER = Path(launch.__file__).parent
NAMES = ("raycluster", "rayjob", "rayservice")


def read(name: str) -> dict[str, Any]:
    resource: dict[str, Any] = yaml.load((FOLDER / f"{name}.yaml").read_text(), yaml.CSafeLoader)
    return resource


def cluster_of(resource: dict[str, Any]) -> dict[str, Any]:
    spec = resource["spec"]
    cluster: dict[str, Any] = spec.get("rayClusterSpec") or spec.get("rayClusterConfig") or spec
    return cluster


def strict(schema: Any) -> Any:
    """The schema as the server's strict mode applies it: unknown keys are refused."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    if schema.pop("x-kubernetes-int-or-string", None):
        schema.pop("type", None)
    if schema.pop("nullable", None) and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    return schema


@functools.cache
def definition(shared: Path, name: str) -> jsonschema.Draft202012Validator:
    text = (shared / "research" / "kuberay_crds" / f"{name}s.yaml").read_text()
    versions = yaml.load(text, yaml.CSafeLoader)["spec"]["versions"]
    schema = strict(
        next(one["schema"]["openAPIV3Schema"] for one in versions if one["name"] == "v1"),
    )
    schema["properties"]["metadata"] = {"type": "object"}
    return jsonschema.Draft202012Validator(schema)


def faults(shared: Path, name: str, resource: dict[str, Any]) -> Iterator[str]:
    for error in definition(shared, name).iter_errors(resource):
        yield f"{'/'.join(map(str, error.path))}: {error.message[:200]}"


@pytest.mark.shared
@pytest.mark.parametrize(
    "name", ["raycluster", *(pytest.param(name, marks=pytest.mark.long) for name in ("rayjob", "rayservice"))]
)
def test_the_server_would_take_the_resource(name: str, shared: Path) -> None:
    assert list(faults(shared, name, read(name))) == []


@pytest.mark.shared
def test_a_key_and_a_type_that_the_server_refuses_are_found(shared: Path) -> None:
    resource = read("raycluster")
    resource["spec"]["workerGroupSpecs"][0]["minReplicas"] = "none"
    resource["spec"]["headGroupSpecs"] = {}
    assert len(list(faults(shared, "raycluster", resource))) == 2


@pytest.mark.parametrize("name", NAMES)
def test_the_version_of_ray_is_the_one_that_was_tested(name: str) -> None:
    assert cluster_of(read(name))["rayVersion"] == ray.__version__


@pytest.mark.parametrize("name", NAMES)
def test_nodes_ask_for_a_token_and_run_as_no_root(name: str) -> None:
    cluster = cluster_of(read(name))
    assert cluster["authOptions"] == {"mode": "token"}
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert group["template"]["spec"]["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize("name", ["raycluster", "rayjob"])
def test_workers_with_and_without_gpus_come_from_zero_and_have_time_to_leave(name: str) -> None:
    groups = cluster_of(read(name))["workerGroupSpecs"]
    limits = [group["template"]["spec"]["containers"][0]["resources"]["limits"] for group in groups]
    assert sorted("nvidia.com/gpu" in one for one in limits) == [False, True]
    assert {group["minReplicas"] for group in groups} == {0}
    assert {group["template"]["spec"]["terminationGracePeriodSeconds"] for group in groups} == {60}
    assert cluster_of(read(name))["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_mounted_is_there(name: str) -> None:
    cluster = cluster_of(read(name))
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == volumes


def test_the_service_names_an_application_of_ours() -> None:
    from ray.serve.schema import ServeDeploySchema

    config = ServeDeploySchema.model_validate(yaml.safe_load(read("rayservice")["spec"]["serveConfigV2"]))
    (application,) = config.applications
    module, name = application.import_path.split(":")
    assert getattr(importlib.import_module(module), name) is not None
    assert [one.name for one in application.deployments] == ["ProgressService"]
