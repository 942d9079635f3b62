"""Statements that are compiled once in a process and not once for each open store.

A migration, a comparison and a server of several stores open many, and compiling what each asks took a third
of the processor time of moving small stores. SQLAlchemy keeps compiled statements by the statement and the
dialect object, of which each engine has its own: those that are equal share them. Nothing of a server or a
file goes into a compiled statement.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

_STATEMENTS: Final = 1000

_compiled: LRUCache[Any, Any] = LRUCache(_STATEMENTS)


class EqualDialect:
    """A dialect of SQLAlchemy that equals every other of its class."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


def with_shared_statements(engine: Engine) -> Engine:
    """Have an engine whose dialect is an `EqualDialect` use the statements that another has compiled."""
    engine.update_execution_options(compiled_cache=_compiled)
    return engine
