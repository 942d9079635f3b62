"""Which tests need Ray, and how the suite is spread over workers: these all on one of them, those of models
on one, every other file on whichever is free.

Ray takes every core, so that two workers with a cluster each would only wait for each other. pytest-xdist has
groups for this, whose names it writes into those of the tests, which pytest 9.2 no longer lets it do: here a
worker lists its tests that need Ray in a file.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

from vaengine.requests.executor_choice import CLUSTER_VARIABLE, NONE, OWN_RAY

LEVELS: Final = ("acceptance", "integration", "contract", "unit")  # the longest files first
# What copies, removals, checks and moves do in PostgreSQL is the code that does it in SQLite, on another
# engine: `make test` has them once, by SQLite, and `make test-long` by both.
ONE_CODE: Final = (
    "test_backup.py",
    "test_copies.py",
    "test_embeddings.py",
    "test_retention.py",
    "test_saved_annotations.py",
    "test_starts.py",
    "test_store_check.py",
    "test_transfer.py",
    "test_upkeep.py",
)
POSTGRESQL_TOO: Final = (  # moves into PostgreSQL and out of it
    "test_everything_arrives_as_it_was",
    "test_what_postgresql_would_refuse_or_change_is_named_before_and_during",
    "test_a_migration_killed_after_any_unit_goes_on",
)
# Thousands of small files, which say what a database says with as many rows in a tenth of the time.
MANY_FILES: Final = (
    "test_jobs_are_found_by_their_ids_however_many[files]",
    "test_thousands_of_keys_are_asked_for_at_once[files]",
    "test_two_processes_that_ask_for_the_same_keys_at_once_share_them_out[files]",
    "test_thousands_of_records_of_six_jobs_through_one_writer_lose_nothing[files]",
)
# What imports libraries of models for 10 s, which one worker does once.
MODELS: Final = (
    "tests/contract/runtimes/",
    "tests/contract/stores/test_faces.py",
    "tests/integration/models/",
    "tests/integration/runs/test_faces.py",
    "tests/integration/runs/test_neural.py",
    "tests/integration/runs/test_sound.py",
)
RAY: Final = "ray"  # the mark, and the name of the lane
LIST: Final = "ray_tests"  # what a worker is told: the file for its list


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Lanes())


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what asks for the session of Ray, and what repeats in PostgreSQL."""
    if "ray_session" in getattr(item, "fixturenames", ()) and item.get_closest_marker(RAY) is None:
        item.add_marker(RAY)
    if _repeats_in_postgresql(item) or item.name in MANY_FILES:
        item.add_marker(pytest.mark.long)


def _repeats_in_postgresql(item: pytest.Item) -> bool:
    arguments = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return (
        item.path.name in ONE_CODE
        and getattr(item, "originalname", "") not in POSTGRESQL_TOO
        and any(isinstance(argument, str) and argument == "postgresql" for argument in arguments)
    )


@pytest.hookimpl(tryfirst=True)  # before any fixture
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Runs of a test that needs Ray are on Ray, whether it is started for them or is there; all others do
    without.
    """
    os.environ[CLUSTER_VARIABLE] = OWN_RAY if item.get_closest_marker(RAY) else NONE


@pytest.hookimpl(trylast=True)  # once those that are not asked for are left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what needs Ray first, then level after level, where a worker of xdist runs it, and list what
    needs Ray.
    """
    workerinput = getattr(config, "workerinput", {})
    if workerinput:
        items.sort(key=_order)
    if LIST in workerinput:
        _replaced(Path(workerinput[LIST]), [item.nodeid for item in items if item.get_closest_marker(RAY)])


def _order(item: pytest.Item) -> tuple[bool, int]:
    levels = [LEVELS.index(part) for part in item.path.parts if part in LEVELS]
    return item.get_closest_marker(RAY) is None, levels[-1] if levels else len(LEVELS)


def _replaced(path: Path, lines: list[str]) -> None:
    """Write a file as a whole: every worker writes the same one."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as partial:
        partial.write("\n".join(lines))
    Path(partial.name).rename(path)


class Lanes:
    """The session that starts workers: where their list is, and a scheduler that goes by it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="va-lanes-")

    @property
    def list(self) -> Path:
        return Path(self._folder.name) / LIST

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[LIST] = str(self.list)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Of `--dist loadfile`: tests that need Ray count as one file, and so do those of models."""
        if config.getvalue("dist") != "loadfile":
            return None
        from xdist.scheduler import LoadFileScheduling

        lanes = self

        class ByLane(LoadFileScheduling):
            _ray_tests: frozenset[str] | None = None

            def _split_scope(self, nodeid: str) -> str:
                if self._ray_tests is None:  # asked for once every worker has collected
                    self._ray_tests = frozenset(lanes.list.read_text(encoding="utf-8").splitlines())
                if nodeid in self._ray_tests:
                    return RAY
                return "models" if nodeid.startswith(MODELS) else str(super()._split_scope(nodeid))

        return ByLane(config, log)

    def pytest_unconfigure(self) -> None:
        self._folder.cleanup()
