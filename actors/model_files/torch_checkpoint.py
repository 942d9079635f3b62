"""Reads the arrays of a torch checkpoint without torch, whose import costs each process two seconds.

Source: PyTorch, Serialization semantics: a zip archive of a pickle and of one file for each storage.
"""

from __future__ import annotations

import collections
import io
import math
import pickle
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from schemas.errors import DamagedWeights
from schemas.media.frames import Floats32

# What zipfile and pickle raise for bytes that are something else.
LOADING_ERRORS: Final = (
    *(zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, EOFError, LookupError),
    *(TypeError, ValueError, AttributeError, RuntimeError),
)
STORAGE: Final = "FloatStorage"
DTYPE: Final = np.dtype("<f4")


def state_dict(path: str, data: bytes) -> dict[str, Floats32]:
    """The float32 arrays below `state_dict` in a checkpoint; `path` is for messages.

    No class of the checkpoint is imported and no code of it runs: whatever is neither an array nor a plain
    value becomes an object without behaviour. Raises `DamagedWeights`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (pickled,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            checkpoint = _Arrays(archive, pickled.rpartition("/")[0], pickled).load()
        arrays: dict[str, Any] = dict(checkpoint["state_dict"])
    except LOADING_ERRORS as error:
        raise DamagedWeights(path, f"it is no checkpoint of torch ({error!r})") from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise DamagedWeights(path, "its state_dict has values that are no arrays")
    return arrays


class _Arrays(pickle.Unpickler):
    """Unpickles arrays and plain values."""

    def __init__(self, archive: zipfile.ZipFile, folder: str, pickled: str) -> None:
        super().__init__(io.BytesIO(archive.read(pickled)))
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        return PLAIN.get((module, name)) or _stand_in(name)

    def persistent_load(self, pid: Any) -> Floats32:
        """A storage; `pid` is "storage", its class, its key, its device and its number of elements."""
        _, storage, key, _, _ = pid
        if storage.__name__ != STORAGE:
            raise pickle.UnpicklingError(f"{storage.__name__} is not {STORAGE}")
        return np.frombuffer(self._archive.read(f"{self._folder}/data/{key}"), DTYPE)


def _array(storage: Floats32, offset: int, shape: Sequence[int], stride: Sequence[int], *_: Any) -> Floats32:
    expected = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    # The stride of an axis of length 1 counts for nothing.
    if any(own != its and length > 1 for own, its, length in zip(stride, expected, shape, strict=True)):
        raise pickle.UnpicklingError(f"an array of {shape} has strides {stride}, not {expected}")
    if not 0 <= offset <= len(storage) - math.prod(shape):
        raise pickle.UnpicklingError(f"an array of {shape} is not within its {len(storage)} numbers")
    return storage[offset : offset + math.prod(shape)].reshape(shape)


def _stand_in(name: str) -> type:
    """A class of this name without any behaviour."""
    return type(name, (), {"__init__": lambda self, *_: None, "__setstate__": lambda self, _: None})


PLAIN: Final[Mapping[tuple[str, str], Callable[..., Any]]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _array,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): collections.defaultdict,
    **{
        (module, kind.__name__): kind
        for module in ("builtins", "__builtin__")
        for kind in (dict, list, set, int, float, str, bool)
    },
    ("__builtin__", "long"): int,
}
