"""A worker that does not train: it ends as the seed of its job says."""

from __future__ import annotations

import os
import sys

from actors.child_process import attach
from schemas.errors import UnsuitableWeights

DONE, REFUSED, KILLED, BROKEN = range(4)


def main(descriptor: int) -> None:
    connection = attach(descriptor)
    ending = connection.recv().settings.seed
    if ending == KILLED:
        os.abort()
    if ending == BROKEN:
        sys.exit("RuntimeError: something that nobody foresaw")
    connection.send(UnsuitableWeights("w.pt", "it is none") if ending == REFUSED else None)
