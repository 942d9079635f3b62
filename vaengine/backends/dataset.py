"""The Ray Data graph: rows of work -> decode (tasks) -> see (actors) -> receipts. One Dataset is one pass."""

from __future__ import annotations

import functools
import itertools
import logging
import pickle
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from actors.stages.stages import ActorNames, VisionStage, by_name, decode_stage
from cluster.placement import Placement
from cluster.session import until_the_session_ends
from schemas.settings.settings import Settings
from vaengine.planning.plan import WorkItem

MIB = 1024 * 1024
# About one piece of pictures; with more, one vision actor is left with the tail while the others idle.
BLOCK_BYTES = 8 * MIB
VISION_ROWS = 1  # rows of 8 pictures that a vision actor on a processor takes at once
GPU_ROWS = 8  # two batches of 32: pieces of several videos share them
# what is lost with its process is tried alone afterwards; Ray's default is to repeat a killer input for ever
TASK_RETRIES = 0
NO_PROGRESS_SECONDS = 300.0  # at least; Ray takes a pass for stuck when no block moves for so long
SLOW_S_PER_MEGAPIXEL = 0.1  # ten times what decoding and scoring a frame was measured to cost


@dataclass(frozen=True, slots=True)
class Pass:
    """One Dataset: `items` of work on `placement`."""

    items: Sequence[WorkItem]
    placement: Placement
    names: ActorNames
    settings: Settings


@dataclass(frozen=True, slots=True)
class AbandonPass:
    """Looks in at each step of Ray Data's scheduling loop, and ends the pass of this number once it is
    given up.
    """

    number: int

    def on_execution_step(self, executor: object) -> None:
        given_up = _AT_WORK.get(self.number)
        if given_up is not None and given_up.is_set():
            raise PassAbandoned

    def before_execution_starts(self, executor: object) -> None: ...
    def after_execution_succeeds(self, executor: object) -> None: ...
    def after_execution_fails(self, executor: object, error: Exception) -> None: ...


class PassAbandoned(Exception):
    """The pass ends because its session does."""


_AT_WORK: Final[
    dict[int, threading.Event]
] = {}  # what gives up a pass, by its number: an event can be neither pickled nor copied
_NUMBERS: Final = itertools.count()


@contextmanager
def callback_of(given_up: threading.Event) -> Iterator[Callable[[], AbandonPass]]:
    """What Ray Data is to call for a callback of this pass alone; it may be pickled and copied, as
    contexts are.
    """
    number = next(_NUMBERS)
    _AT_WORK[number] = given_up
    try:
        yield functools.partial(AbandonPass, number)
    finally:
        del _AT_WORK[number]


@until_the_session_ends()
def run_pass(work: Pass, given_up: threading.Event, *, verbose: bool = False) -> None:
    """Carry out one pass; returns when every item has been tried, and soon after `given_up` is set raises
    `PassAbandoned`.

    Says nothing about completeness: a Dataset that finished may have lost blocks. What is done is what the
    manifest holds.
    """
    with callback_of(given_up) as callback:
        _configure(callback, no_progress_s=_patience_s(work.items), verbose=verbose)
        dataset = _dataset(work)
        for _ in dataset.iter_batches(batch_size=None, prefetch_batches=0):
            pass


def _dataset(work: Pass) -> Any:
    """What Ray Data is to do, as the context says at this moment."""
    import ray
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    place, connect = work.placement, by_name(work.names, work.settings.engine.worker_silent_seconds)
    to_models = any(chunk.samplings for item in work.items for chunk in item.chunks)
    rows = [{"chunks": pickle.dumps(item.chunks)} for item in work.items]
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).flat_map(
        functools.partial(decode_stage, connect=connect, to_models=to_models),
        compute=TaskPoolStrategy(size=min(place.decode_slots, len(rows))),
        num_cpus=place.cpus_each,
        max_retries=TASK_RETRIES,
    )
    if to_models:
        dataset = dataset.map_batches(
            VisionStage,
            fn_constructor_args=(connect, work.settings),
            batch_size=GPU_ROWS if place.gpus_each else VISION_ROWS,
            batch_format="numpy",
            compute=ActorPoolStrategy(size=place.vision_actors, max_tasks_in_flight_per_actor=2),
            num_cpus=place.cpus_each,
            num_gpus=place.gpus_each or None,
            # restarts stay unlimited: with 0 the pool of 2.60 is not refilled and the pass hangs
            max_task_retries=TASK_RETRIES,
        )
    return dataset


def _patience_s(items: Sequence[WorkItem]) -> float:
    """How long a decoder may be silent: a chunk for scenes alone yields one row, at its end."""
    longest = max(
        sum(chunk.frame_count * chunk.width * chunk.height for chunk in item.chunks) for item in items
    )
    return max(NO_PROGRESS_SECONDS, longest / 1e6 * SLOW_S_PER_MEGAPIXEL)


def _configure(callback: Callable[[], AbandonPass], *, no_progress_s: float, verbose: bool) -> None:
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = verbose
    context.max_errored_blocks = -1  # we do our own accounts; what is lost is in the next pass
    context.target_max_block_size = BLOCK_BYTES
    context.execution_options.preserve_order = False
    context.custom_execution_callback_classes = [callback]
    context.execution_no_progress_timeout_s = no_progress_s
    context.print_on_execution_start = verbose
    # Ray 2.60 deprecates passing `max_retries` on, and offers no other way to bound the retries of a task.
    warnings.filterwarnings("ignore", message=".*ray_remote_args.*")
    if not verbose:
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
