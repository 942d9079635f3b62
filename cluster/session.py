"""Connects to Ray: the only place that calls `ray.init`."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cluster.connection.code import nodes_lack, travels_with_job
from cluster.connection.connect import reachable, require_fit
from cluster.inventory import Inventory, ray_inventory
from schemas.errors import ClusterUnreachable, NodeLost

_OWN_LOG = re.compile(rb"\[\d{4}-\d\d-\d\d [\d:,.]+ [A-Z] \d+ \d+\] ")  # how a line of Ray's C++ side begins

# Ray reads these when it is imported. Its usage report is off. A pass that is left behind when a session ends
# must not start another Ray, as its next call would.
FIXED_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_AUTO_CONNECT": "0"}
QUIET_ENVIRONMENT = {
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    # Ray's C++ side writes to the terminal whatever the other settings are; -v brings that back.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A connection to Ray; `started` says whether this process started the cluster."""

    inventory: Inventory
    started: bool
    node_id: str  # of this machine: stores on its disk are written from here
    raylet_pid: int | None = None  # of a cluster that was started here

    @property
    def has_node(self) -> bool:
        return self.raylet_pid is None or _is_running(self.raylet_pid)

    def require_node(self) -> None:
        """Raises `NodeLost` where the node that was started here has ended.

        Ray itself would end this process some seconds later.
        """
        if not self.has_node:
            raise NodeLost(f"Ray's node (process {self.raylet_pid})")


@contextlib.contextmanager
def session(
    address: str = "local",
    *,
    cpus: int | None = None,
    object_store_bytes: int | None = None,
    packages: Sequence[Path] = (),
    verbose: bool = False,
) -> Iterator[Session]:
    """A context with a connection to Ray.

    `address`: "local" (a cluster started and ended here), "auto" (the one that runs on this machine),
    HOST:PORT or ray://HOST:PORT. Must be entered on the main thread: a helper thread that ends takes the
    local cluster with it. A process already connected is joined, not disturbed. `packages` are folders of
    code, which are sent to a cluster that was not started here unless all its nodes have the same. Raises
    `ClusterUnreachable`.

    Ray is started from an empty directory: the driver's comes first on the workers' path, and a user's own
    `schemas/` would shadow ours.
    """
    quiet_ray(verbose=verbose)
    if _is_connected():
        yield _session(started=False)
        return
    started = address == "local"
    # Before Ray is imported: it reads then whether to send a token.
    target = address if started else reachable(address)
    import ray

    own = {"num_cpus": cpus, "object_store_memory": object_store_bytes}
    # Workers live in this folder until the end.
    with tempfile.TemporaryDirectory(prefix="vaengine-", ignore_cleanup_errors=True) as empty:
        try:
            with contextlib.chdir(empty), contextlib.nullcontext() if verbose else _without_ray_log():
                if started:
                    _connect(target, own, verbose=verbose)
                else:
                    _join(target, packages, verbose=verbose)
            yield _session(started=started)
        finally:
            ray.shutdown()


@contextlib.contextmanager
def until_the_session_ends() -> Iterator[None]:
    """A context for work on a helper thread that a stop may leave behind.

    The end of the session ends that work too, and is no failure of it.
    """
    import ray

    try:
        yield
    except ray.exceptions.RaySystemError:
        if ray.is_initialized():
            raise


def quiet_ray(*, verbose: bool = False) -> None:
    """Sets the environment variables that Ray reads; call it before the first `import ray`.

    Values that the user has set stay.
    """
    for name, value in (FIXED_ENVIRONMENT if verbose else FIXED_ENVIRONMENT | QUIET_ENVIRONMENT).items():
        os.environ.setdefault(name, value)


def _is_connected() -> bool:
    """Whether this process has a session already, without importing Ray for that."""
    if "ray" not in sys.modules:
        return False
    import ray  # waits for a thread that is importing it

    return bool(ray.is_initialized())


def _join(target: str, packages: Sequence[Path], *, verbose: bool) -> None:
    """Connect to a cluster that runs, with the code that its nodes lack."""
    import ray

    require_fit(target)
    code = {"runtime_env": {"py_modules": [str(folder) for folder in packages]}}
    if not packages or travels_with_job(os.environ):
        code = {}
    elif not target.startswith("ray://"):  # which takes seconds for a second connection
        _connect(target, {}, verbose=verbose)
        if not nodes_lack([folder.name for folder in packages]):
            return
        log.info("%s: not all nodes have this version of vaengine; it is sent to them", target)
        ray.shutdown()
    _connect(target, code, verbose=verbose)


def _connect(address: str, init: dict[str, Any], *, verbose: bool) -> None:
    import ray

    level = logging.INFO if verbose else logging.ERROR
    logging.getLogger("ray").setLevel(level)
    _keep_off_standard_output()
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            log_to_driver=verbose,
            logging_level=level,
            configure_logging=True,
            **init,
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise ClusterUnreachable(
            address, f"{error}; check `ray status`, or leave --cluster out to work on this machine"
        ) from error
    except Exception as error:  # where the node dies while it starts, Ray's error has no type of its own
        raise NodeLost(f"Ray's node, while it was started ({str(error).splitlines()[0]}),") from error


def _keep_off_standard_output() -> None:
    """Logs the node's errors, such as a dead worker, which Ray prints among the results.

    Ray has no switch for that.
    """
    from ray._private import worker

    def log_lines(message: Mapping[str, Any], **_: Any) -> None:
        for line in message["lines"]:
            log.info("%s", line)

    worker.print_to_stdstream = log_lines


@contextlib.contextmanager
def _without_ray_log() -> Iterator[None]:
    """Passes standard error on without the log lines of Ray's C++ side.

    It writes past Python, to descriptor 2: a line whenever RAY_BACKEND_LOG_LEVEL is set (without that
    variable a warning about every actor pool instead), and several while a cluster does not answer, for
    which there are errors of our own.
    """
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            captured.seek(0)
            for line in captured:
                if b"RAY_BACKEND_LOG_LEVEL" not in line and not _OWN_LOG.match(line):
                    with contextlib.suppress(OSError):  # a terminal that is closed by now
                        os.write(2, line)


def _session(*, started: bool) -> Session:
    import ray

    return Session(
        ray_inventory(), started, ray.get_runtime_context().get_node_id(), _own_raylet() if started else None
    )


def _own_raylet() -> int | None:
    return next(
        (process.pid for process in psutil.Process().children(recursive=True) if process.name() == "raylet"),
        None,
    )


def _is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
