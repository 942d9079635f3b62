"""The Ray Dataset of one pass: work items -> decoding (tasks) -> inference (actors) -> receipts."""

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
# About one message of frames. With larger blocks one vision actor works on the last block while others idle.
BLOCK_BYTES = 8 * MIB
CPU_BATCH_ROWS = 1  # rows of 8 frames that a vision actor on a processor takes at once
GPU_BATCH_ROWS = 8  # two batches of 32 frames, from several videos
GPU_CALLS = 6  # of a vision actor on a GPU: one in each of its three steps, one before each of them
# A chunk lost with its process is tried alone afterwards. Ray's default repeats an input that kills its
# process for ever.
TASK_RETRIES = 0
NO_PROGRESS_SECONDS = 300.0  # shortest time without a finished block after which Ray takes a pass for stuck
SLOW_S_PER_MEGAPIXEL = 0.1  # ten times the measured cost of decoding and scoring a frame


@dataclass(frozen=True, slots=True)
class Pass:
    """One Dataset: work items, and the placement of their stages."""

    items: Sequence[WorkItem]
    placement: Placement
    names: ActorNames
    settings: Settings


@dataclass(frozen=True, slots=True)
class GiveUpCallback:
    """A callback for each step of Ray Data's scheduling loop that ends a pass once it is given up."""

    number: int

    def on_execution_step(self, executor: object) -> None:
        """Raise `PassAbandoned` if the pass is given up."""
        given_up = _RUNNING_PASSES.get(self.number)
        if given_up is not None and given_up.is_set():
            raise PassAbandoned

    def before_execution_starts(self, executor: object) -> None: ...
    def after_execution_succeeds(self, executor: object) -> None: ...
    def after_execution_fails(self, executor: object, error: Exception) -> None: ...


class PassAbandoned(Exception):
    """The pass was given up before its end."""


# The event that gives up a pass, by the number of the pass: an event can be neither pickled nor copied.
_RUNNING_PASSES: Final[dict[int, threading.Event]] = {}
_PASS_NUMBERS: Final = itertools.count()


@contextmanager
def callback_of(given_up: threading.Event) -> Iterator[Callable[[], GiveUpCallback]]:
    """A factory of the callback that ends one pass.

    The factory can be pickled and copied, as Ray Data does with its contexts.
    """
    number = next(_PASS_NUMBERS)
    _RUNNING_PASSES[number] = given_up
    try:
        yield functools.partial(GiveUpCallback, number)
    finally:
        del _RUNNING_PASSES[number]


@until_the_session_ends()
def run_pass(work: Pass, given_up: threading.Event, *, verbose: bool = False) -> None:
    """Carry out one pass; returns when every item was tried.

    Raises `PassAbandoned` soon after `given_up` is set. A Dataset that has finished may have lost blocks:
    only the manifest says what is done.
    """
    with callback_of(given_up) as callback:
        _configure(callback, no_progress_s=_patience_s(work.items), verbose=verbose)
        dataset = _dataset(work)
        for _ in dataset.iter_batches(batch_size=None, prefetch_batches=0):
            pass


def _dataset(work: Pass) -> Any:
    """The lazy Dataset, under the current settings of Ray Data's context."""
    import ray
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    placement = work.placement
    connect = by_name(work.names, work.settings.engine.worker_silent_seconds)
    to_models = any(chunk.samplings for item in work.items for chunk in item.chunks)
    rows = [{"chunks": pickle.dumps(item.chunks)} for item in work.items]
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).flat_map(
        functools.partial(decode_stage, connect=connect, to_models=to_models),
        compute=TaskPoolStrategy(size=min(placement.decode_slots, len(rows))),
        num_cpus=placement.cpus_each,
        max_retries=TASK_RETRIES,
    )
    if to_models:
        overlapped = placement.gpus_each > 0
        calls = GPU_CALLS if overlapped else 1  # of an actor at once
        dataset = dataset.map_batches(
            VisionStage,
            fn_constructor_args=(connect, work.settings),
            fn_constructor_kwargs={"overlapped": overlapped},
            batch_size=GPU_BATCH_ROWS if overlapped else CPU_BATCH_ROWS,
            batch_format="numpy",
            compute=ActorPoolStrategy(
                size=placement.vision_actors,
                max_tasks_in_flight_per_actor=calls + 1,
                enable_true_multi_threading=overlapped,
            ),
            max_concurrency=calls,
            num_cpus=placement.cpus_each,
            num_gpus=placement.gpus_each or None,
            # Restarts stay unlimited: with 0 the pool of Ray 2.60 is not refilled and the pass hangs.
            max_task_retries=TASK_RETRIES,
        )
    return dataset


def _patience_s(items: Sequence[WorkItem]) -> float:
    """Seconds that a decoder may be silent: a chunk for scenes alone yields one row, at its end."""
    longest = max(
        sum(chunk.frame_count * chunk.width * chunk.height for chunk in item.chunks) for item in items
    )
    return max(NO_PROGRESS_SECONDS, longest / 1e6 * SLOW_S_PER_MEGAPIXEL)


def _configure(callback: Callable[[], GiveUpCallback], *, no_progress_s: float, verbose: bool) -> None:
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = verbose
    context.max_errored_blocks = -1  # no limit: the manifest says what is lost, and the next pass redoes it
    context.target_max_block_size = BLOCK_BYTES
    context.execution_options.preserve_order = False
    context.custom_execution_callback_classes = [callback]
    context.execution_no_progress_timeout_s = no_progress_s
    context.print_on_execution_start = verbose
    # Ray 2.60 deprecates passing `max_retries` on, and offers no other way to bound the retries of a task.
    warnings.filterwarnings("ignore", message=".*ray_remote_args.*")
    if not verbose:
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
