"""How many GPUs this process may use, as CUDA counts them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster import inventory
from cluster.inventory import visible_gpus

names = st.sampled_from(["0", "1", "3", "15", "-1", "", " 2", "GPU-1f0c", "MIG-77aa", "NoDevFiles", "²"])


@pytest.mark.parametrize(
    ("devices", "visible", "count"),
    [
        (4, None, 4),
        (4, "", 0),
        (4, "-1", 0),
        (4, "0", 1),
        (4, "3, 1", 2),
        (4, "0,1,-1,2", 2),
        (4, "0,4,1", 1),
        (4, "1,1", 1),
        (4, "GPU-1f0c33ab,GPU-77aa", 2),
        (1, "MIG-1,MIG-2", 1),
        (4, "NoDevFiles", 0),
        (0, "0", 0),
    ],
)
def test_gpus_are_held_to_cuda_visible_devices(devices: int, visible: str | None, count: int) -> None:
    assert visible_gpus(devices, visible) == count


@given(st.integers(0, 16), st.lists(names, max_size=6))
def test_there_are_never_more_gpus_than_devices_or_names(devices: int, visible: list[str]) -> None:
    assert 0 <= visible_gpus(devices, ",".join(visible)) <= min(devices, len(visible))


def test_only_nodes_of_gpus_are_counted_whatever_else_the_driver_has(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia13", "nvidiactl", "nvidia-uvm", "nvidia-modeset", "nvidia-caps", "sda0"):
        (tmp_path / name).touch()
    assert inventory._gpu_devices(tmp_path) == 2


def test_this_machine_has_no_gpus_for_a_process_that_is_shown_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "_gpu_devices", lambda folder: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert inventory.local_inventory().gpus == 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert inventory.local_inventory().gpus == 0
