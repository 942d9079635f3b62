"""The base classes of all errors.

Every error is built from plain values only, `Error(a, b)`, and formats them in `__str__` with its `template`:
it survives pickling between processes. A template says on one line what went wrong, where, and what to do.
"""

from __future__ import annotations

from typing import ClassVar


class VaengineError(Exception):
    """The base of all errors; `kind` is stored as `failure_kind`."""

    template: ClassVar[str] = "{0}"
    kind: ClassVar[str] = "internal"
    transient: ClassVar[bool] = False

    def __str__(self) -> str:
        return " ".join(self.template.format(*self.args).split())


class UsageError(VaengineError):
    """A mistake that is found before the first frame: exit code 2, and nothing is stored."""

    kind = "usage"
