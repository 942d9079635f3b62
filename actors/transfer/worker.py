"""A process that moves or compares units, one after the other; it ends with who has started it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from actors.child_process import attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.transfer.pool import Pair


def main(descriptor: int) -> None:
    """Take the pair of stores, then orders, which are tasks with their units; each is answered by what
    comes of it and an error.
    """
    line = attach(descriptor)  # first: what orders need is imported as they come, by all processes at once
    pair: Pair = line.recv()
    try:
        with pair.opened() as passage:
            while True:
                task, unit = line.recv()
                line.send(_tried(task, passage, unit))
    except EOFError:
        return


def _tried(task: Callable[..., Any], *given: object) -> tuple[Any, Exception | None]:
    try:
        return task(*given), None
    except Exception as error:  # noqa: BLE001 handed to who gave the order, and raised there
        error.add_note(traceback.format_exc())
        return None, error
