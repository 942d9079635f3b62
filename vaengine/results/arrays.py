"""Groups of read-only arrays of one length, one entry for each of N things."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from schemas.media.frames import Ints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance as _Dataclass
else:
    _Dataclass = object


class Arrays(_Dataclass):
    """Base of dataclasses that hold arrays of one length; an array that is None stays None in a selection."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def __getitem__(self, which: slice | Ints | npt.NDArray[np.bool_]) -> Self:
        """A selection of the entries: by slice, positions, or a mask of N."""
        arrays: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        return type(self)(
            **{
                name: None if array is None else frozen(array[which], array.dtype)
                for name, array in arrays.items()
            }
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)})"


def frozen(values: Any, dtype: Any) -> Any:
    """A read-only copy of values as an array."""
    array = np.array(values, dtype)
    array.setflags(write=False)
    return array
