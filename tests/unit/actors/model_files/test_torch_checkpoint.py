"""Arrays are read from checkpoints that torch itself has written."""

from __future__ import annotations

import io
import os
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.model_files.torch_checkpoint import state_dict
from schemas.errors import DamagedWeights

KINDS = (
    *("empty", "text", "cut", "without a pickle", "without numbers", "without a state_dict"),
    *("a list", "strides", "float64", "a number", "no mapping"),
)


def written(checkpoint: Any) -> bytes:
    import torch

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
    import torch

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
    import torch

    left = tmp_path / "left"
    data = written({"state_dict": {"weight": torch.ones(2)}, "other": Leaving(left)})
    assert list(state_dict("a.bin", data)) == ["weight"]
    assert not left.exists()
    torch.load(io.BytesIO(data), weights_only=False)
    assert left.exists(), "the checkpoint runs something where it is loaded without care"


def without(data: bytes, name: str) -> bytes:
    """An archive in which one file is empty."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as changed:
        for one in source.namelist():
            changed.writestr(one, b"" if one.endswith(name) else source.read(one))
    return target.getvalue()


@pytest.fixture(scope="module")
def others() -> dict[str, bytes]:
    """Files that are no checkpoint, or one of another kind."""
    import torch

    good = written({"state_dict": {"weight": torch.ones(2)}})
    return {
        "empty": b"",
        "text": b"no archive",
        "cut": good[: len(good) // 2],
        "without a pickle": without(good, "data.pkl"),
        "without numbers": without(good, "data/0"),
        "without a state_dict": written({"weights": {}}),
        "a list": written([1, 2]),
        "strides": written({"state_dict": {"weight": torch.ones(3, 4).T}}),
        "float64": written({"state_dict": {"weight": torch.ones(2, dtype=torch.float64)}}),
        "a number": written({"state_dict": {"weight": 3}}),
        "no mapping": written({"state_dict": 3}),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_any_other_file_is_refused_with_its_name(kind: str, others: dict[str, bytes]) -> None:
    assert others.keys() == set(KINDS)
    with pytest.raises(DamagedWeights, match=r"a\.bin"):
        state_dict("a.bin", others[kind])
