"""Arrays are read from checkpoints that torch itself has written."""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actors.model_files.torch_checkpoint import state_dict
from schemas.errors import DamagedWeights


def written(checkpoint: Any) -> bytes:
    target = io.BytesIO()
    torch.save(checkpoint, target)
    return target.getvalue()


class Leaving:
    """Unpickled by what runs code, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_arrays_are_those_that_torch_reads() -> None:
    shared = torch.arange(24, dtype=torch.float32)
    tensors = OrderedDict(
        weight=torch.randn(3, 4, 5),
        bias=torch.randn(7),
        scalar=torch.tensor(2.5),
        part=shared[6:18].view(3, 4),
    )
    arrays = state_dict("a.bin", written({"state_dict": tensors, "epoch": 3, "names": {"a", "b"}}))
    assert list(arrays) == list(tensors)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, tensors[name].numpy())


def test_what_a_checkpoint_would_run_does_not_run(tmp_path: Path) -> None:
    left = tmp_path / "left"
    data = written({"state_dict": {"weight": torch.ones(2)}, "other": Leaving(left)})
    assert list(state_dict("a.bin", data)) == ["weight"]
    assert not left.exists()
    torch.load(io.BytesIO(data), weights_only=False)
    assert left.exists(), "the checkpoint runs something where it is loaded without care"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive",
        written({"weights": {}}),
        written([1, 2]),
        written({"state_dict": {"weight": torch.ones(3, 4).T}}),
        written({"state_dict": {"weight": torch.ones(2, dtype=torch.float64)}}),
        written({"state_dict": {"weight": 3}}),
        written({"state_dict": 3}),
    ],
    ids=["empty", "text", "no state_dict", "a list", "strides", "float64", "a number", "no mapping"],
)
def test_another_file_is_refused_with_its_name(data: bytes) -> None:
    with pytest.raises(DamagedWeights, match=r"a\.bin"):
        state_dict("a.bin", data)
