"""A process that moves or compares units, one after the other; it ends with its parent."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from actors.child_process import attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.transfer.pool import Pair


def main(descriptor: int) -> None:
    """Receive the pair of stores, then tasks with units; answer each with its outcome and an error."""
    # First: modules are imported with the tasks that need them, by all processes at once.
    connection = attach(descriptor)
    pair: Pair = connection.recv()
    try:
        with pair.open() as unit_copy:
            while True:
                task, unit = connection.recv()
                connection.send(_run(task, unit_copy, unit))
    except EOFError:
        return


def _run(task: Callable[..., Any], *arguments: object) -> tuple[Any, Exception | None]:
    try:
        return task(*arguments), None
    except Exception as error:  # noqa: BLE001 sent to the parent, and raised there
        error.add_note(traceback.format_exc())
        return None, error
