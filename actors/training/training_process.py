"""Trains in a child process, which ends with its parent: for a machine without Ray."""

from __future__ import annotations

from actors.child_process import attach
from actors.training.fine_tuning import fine_tune
from schemas.errors import VaengineError


def main(descriptor: int) -> None:
    """Take one job over the connection, train, and answer with None, or with the error that ended it."""
    connection = attach(descriptor)
    job = connection.recv()
    try:
        fine_tune(job)
    except VaengineError as error:
        connection.send(error)
    else:
        connection.send(None)
