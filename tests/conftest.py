"""What every level of the suite shares: the folder of real clips, one Ray session, and a machine without
a network.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.support.suite.ray_starts import RayStarts
from vaengine.requests.executor_choice import CLUSTER_VARIABLE

if TYPE_CHECKING:
    from cluster.session import Session
    from tests.support.runs.runs import Reference

CHECKOUT = Path(__file__).parents[1]
SHARED = CHECKOUT.parent / "shared"  # real clips, golden lists and weights; not part of the project
CLOUD_QUESTIONS = ("resolve '169.254.169.254'", "resolve 'metadata.google.internal'")
# Put on PYTHONPATH: no process below may leave this machine.
OFFLINE = Path(__file__).parent / "support" / "sitecustomize" / "offline"
IN_GPU_JOB = os.environ.get("GPU_JOB", "").lower() in ("1", "true", "yes")
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


EXAMPLES = {"suite": 30, "long": 300}  # of a law of hypothesis, by profile; `make test-long` takes the second
MOST_RAY_STARTS = 20  # of the whole suite; where a test needs one more, look for one that needs none

pytest_plugins = [
    "tests.support.suite.child_threads",
    "tests.support.suite.error_logs",
    "tests.support.suite.lanes",
]


class Skips:
    """A skip would hide a hole where everything is there to run every test: there it fails the session,
    on however many workers.
    """

    def __init__(self) -> None:
        self._nodeids: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail") and "gpu" not in report.keywords:
            self._nodeids.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._nodeids and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for nodeid in self._nodeids:
            terminalreporter.write_line(f"SKIPPED where nothing may be: {nodeid}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    # How long one example takes says how busy the machine is. pytest's own time limit ends what hangs.
    for name, examples in EXAMPLES.items():
        hypothesis_settings.register_profile(
            name, deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=examples
        )
    hypothesis_settings.load_profile(config.getoption("--hypothesis-profile") or "suite")
    # Preset embedded is OpenCV's detectors and voice activity: cheap; see `packaged_models`.
    os.environ["VAENGINE_WHEELS"] = "0"
    if hasattr(config, "workerinput"):  # of pytest-xdist; it reports to the session that started it
        return
    config.pluginmanager.register(RayStarts(MOST_RAY_STARTS))
    if IN_CI and SHARED.is_dir():
        config.pluginmanager.register(Skips())


def pytest_collection_finish() -> None:
    """Modules and thousands of tests stay for good: no collection of garbage need look through them."""
    gc.freeze()
    gc.set_threshold(20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    gpu_tests = [item for item in items if item.get_closest_marker("gpu")]
    if gpu_tests and not IN_GPU_JOB and not _has_gpu():
        for item in gpu_tests:
            item.add_marker(
                pytest.mark.skip(
                    reason="needs a GPU; in a job that has one set GPU_JOB=1, and it fails rather than skips"
                )
            )
    if SHARED.is_dir():
        return
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(
                pytest.mark.skip(
                    reason=f"needs the folder {SHARED.name!r} beside the checkout (real clips, golden lists)"
                )
            )


def _has_gpu() -> bool:
    """Asked of torch, which takes seconds to import, only where the system has a driver."""
    if not Path("/proc/driver/nvidia/version").exists():
        return False
    import torch

    return torch.cuda.is_available()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, empty_cache: Path) -> None:
    """The developer's own VAENGINE_* variables and weights must not change a test, and no test asks the
    network for any.
    """
    for name in [name for name in os.environ if name.startswith("VAENGINE_") and name != CLUSTER_VARIABLE]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VAENGINE_OFFLINE", "1")
    monkeypatch.setenv("VAENGINE_WHEELS", "0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty_cache))
    if erasure := sys.modules.get("vaengine.maintenance.erasure_files"):
        monkeypatch.setattr(
            erasure, "gettempdir", lambda: str(empty_cache)
        )  # not the logs of all of Ray's sessions


@pytest.fixture
def packaged_models(monkeypatch: pytest.MonkeyPatch, _no_settings_from_outside: None) -> None:
    """The models of the extra `offline`, which the set-up installs, are used, as for users who have it."""
    monkeypatch.delenv("VAENGINE_WHEELS")


@pytest.fixture(scope="session")
def empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's cache, as on a new machine; converted models gather in it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips; for tests marked `shared`."""
    return SHARED


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder a session for clips that the suite renders."""
    return tmp_path_factory.mktemp("clips")


class OneRay:
    """Ray as a run starts it: for the first test that needs it, and until the last of them is over."""

    def __init__(self) -> None:
        self._until_the_end = ExitStack()
        self._running: Session | None = None

    def running(self) -> Session:
        if self._running is None:
            from cluster.session import session

            self._running = self._until_the_end.enter_context(session(address="local"))
        return self._running

    def end(self) -> None:
        self._until_the_end.close()
        self._running = None


ONE_RAY = OneRay()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Its processes take a tenth of the machine even where they have nothing to do."""
    try:
        return (yield)
    finally:
        if nextitem is None or not nextitem.get_closest_marker("ray"):
            ONE_RAY.end()


@pytest.fixture
def ray_session() -> Session:
    """Ray, started once for all tests that work on it."""
    return ONE_RAY.running()


@pytest.fixture(scope="session")
def reference_digest(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """The digest of what a run that nothing disturbs makes of videos."""
    from tests.support.runs.runs import Reference

    return Reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """URL of the suite's PostgreSQL server, which is started by the first test that asks and ends with
    this process.
    """
    from tests.support.servers.postgres import server_url

    return server_url()


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """URL of an empty PostgreSQL database of this test's own."""
    from tests.support.servers.postgres import fresh_database

    return fresh_database()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Refuses every connection beyond this machine in this process; returns the attempts, newest last."""
    from tests.support.sitecustomize.offline.offline_guard import guarded

    attempts: list[str] = []
    for owner, attribute, replacement in guarded(attempts.append):
        monkeypatch.setattr(owner, attribute, replacement)
    return attempts


@dataclass(frozen=True)
class Offline:
    """A machine without a network for subprocesses: start them with `environment`, then ask what they
    tried.
    """

    environment: dict[str, str]
    told: Path

    def lines(self) -> list[str]:
        return self.told.read_text(encoding="utf-8").splitlines() if self.told.exists() else []

    def guarded(self, program: str = "") -> int:
        """Processes that started with the guard in place, of those whose command names `program`."""
        return sum(line.startswith("guard ") and program in line for line in self.lines())

    def attempts(self) -> list[str]:
        """Refused connections and look-ups of all processes, Ray's workers included."""
        return [line for line in self.lines() if not line.startswith("guard ")]

    def attempts_beside_rays_own(self) -> list[str]:
        """Attempts but those of a process of Ray's own: whatever its settings, it asks whether it runs in a
        cloud, by that cloud's link-local address, and sends nothing.
        """
        return [
            line
            for line in self.attempts()
            if not (line.startswith(CLOUD_QUESTIONS) and "ray/dashboard/dashboard.py" in line)
        ]


@pytest.fixture
def offline(tmp_path: Path) -> Offline:
    """For subprocesses that may not leave this machine."""
    told = tmp_path / "offline.txt"
    paths = [str(OFFLINE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return Offline(
        {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OFFLINE_TEST_ATTEMPTS": str(told)}, told
    )
