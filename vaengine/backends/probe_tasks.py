"""Probes files by tasks on all nodes of a cluster, beside this machine at first and then in its place."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from vaengine.planning.prober import ProbedVideo, Prober, Question
from vaengine.planning.probing import FileToProbe, Probing

TASKS_PER_NODE: Final = 2  # a prober waits for the disk or the network more than for a processor
MAX_TASKS: Final = 64  # they probe several times as many files a second as a run registers
FILES_PER_TASK: Final = 16
TASK_TIMEOUT_S: Final = 120.0  # then its files are probed here: its node may be cut off
LOOK_SECONDS: Final = 0.5  # from one look at whether to go on to the next
NODES_SECONDS: Final = 5.0  # from one count of the nodes to the next
CLOSE_TIMEOUT_S: Final = 5.0

log = logging.getLogger(__name__)

Answers = list[ProbedVideo | None]


class Tasks(Protocol):
    """Starts tasks on other machines, and has their answers."""

    def nodes(self) -> int:
        """The number of machines, this one among them."""

    def start(self, questions: Sequence[Question]) -> Any:
        """A reference to the answers to some questions."""

    def done(self, references: Sequence[Any], timeout_s: float) -> Sequence[Any]:
        """References whose answers are there; waits for the first one."""

    def answers(self, reference: Any) -> Answers | None:
        """What a task found; None where it was lost."""

    def cancel(self, reference: Any) -> None:
        """Let a task end whose answers nobody waits for."""


@dataclass(frozen=True, slots=True)
class _Task:
    files: Sequence[FileToProbe]
    overdue_s: float


class ProbeTasks:
    """Takes files of a `Probing` and has them probed on other machines.

    What does not come back in time, and what is faulty there, is probed here: a machine may be lost, cut off,
    or not see a file. Where tasks cannot be started at all, everything is.
    """

    def __init__(self, probing: Probing, tasks: Tasks, clock: Callable[[], float] = time.monotonic) -> None:
        self._probing, self._tasks, self._clock = probing, tasks, clock
        self._running: dict[Any, _Task] = {}
        self._slots, self._counted_s = 0, -NODES_SECONDS
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe-tasks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Start no more; what is in work is left to end."""
        self._closed.set()
        self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        try:
            while not self._closed.is_set() and self._step():
                pass
        # Whatever Ray raises while its head or its connection is gone.
        except Exception as error:  # noqa: BLE001
            log.warning("files are probed on this machine: %s", str(error).strip().split("\n")[0])
            for task in self._running.values():
                self._probing.probe_here(task.files)
            self._probing.probe_the_rest()

    def _step(self) -> bool:
        """Start a task where there is room for one, else wait for one; False once all is done."""
        if len(self._running) < self._room():
            files = self._probing.take(FILES_PER_TASK)
            if files:
                self._start(files)
                return True
            if not self._running:
                return False
        self._collect()
        return True

    def _start(self, files: Sequence[FileToProbe]) -> None:
        try:
            reference = self._tasks.start([self._probing.question(file) for file in files])
        except Exception:
            self._probing.probe_here(files)
            raise
        self._running[reference] = _Task(files, self._clock() + TASK_TIMEOUT_S)

    def _room(self) -> int:
        """How many tasks may run; none where there is no machine beside this one."""
        if self._clock() - self._counted_s >= NODES_SECONDS:
            nodes, self._counted_s = self._tasks.nodes(), self._clock()
            self._slots = min(MAX_TASKS, TASKS_PER_NODE * nodes) if nodes > 1 else 0
        return self._slots

    def _collect(self) -> None:
        if not self._running:
            self._closed.wait(LOOK_SECONDS)
            return
        for reference in self._tasks.done(list(self._running), LOOK_SECONDS):
            self._hand_in(self._running.pop(reference).files, self._tasks.answers(reference))
        late = [one for one, task in self._running.items() if self._clock() > task.overdue_s]
        for reference in late:
            self._tasks.cancel(reference)
            self._hand_in(self._running.pop(reference).files, None)

    def _hand_in(self, files: Sequence[FileToProbe], answers: Answers | None) -> None:
        if answers is None:
            self._probing.probe_here(files)
            return
        self._probing.leave_to_others()
        faulty = [file for file, found in zip(files, answers, strict=True) if found and found.error]
        if faulty:
            self._probing.probe_here(faulty)
        for file, found in zip(files, answers, strict=True):
            if not (found and found.error):
                self._probing.deliver(file.number, found or file.as_known())


class RayTasks:
    """Tasks of Ray that take no processor of others: probing is little work, and must go on beside it."""

    def nodes(self) -> int:
        import ray

        return sum(bool(node["Alive"]) for node in ray.nodes())

    def start(self, questions: Sequence[Question]) -> Any:
        import ray

        options = {"num_cpus": 0, "scheduling_strategy": "SPREAD", "max_retries": 0, "name": "probe"}
        return ray.remote(answers_here).options(**options).remote(questions)

    def done(self, references: Sequence[Any], timeout_s: float) -> Sequence[Any]:
        import ray

        done: list[Any] = ray.wait(list(references), num_returns=1, timeout=timeout_s)[0]
        return done

    def answers(self, reference: Any) -> Answers | None:
        import ray

        try:
            answers: Answers = ray.get(reference)
        except ray.exceptions.RayError as error:
            log.info("a task that probed files was lost: %s", str(error).strip().split("\n")[0])
            return None
        return answers

    def cancel(self, reference: Any) -> None:
        import ray

        ray.cancel(reference)


def answers_here(questions: Sequence[Question]) -> Answers:
    """The answers of this process, whose one prober stays for further questions."""
    return [question.answer(_prober) for question in questions]


@functools.cache
def _prober() -> Prober:
    return Prober()
