"""Connects to Ray: the only place that calls `ray.init`."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cluster.inventory import Inventory, ray_inventory
from schemas.errors import ClusterUnreachable, NodeLost

CONNECT_TIMEOUT_S = 3.0  # An address may take so long to accept a connection.
ANSWER_TIMEOUT_S = 2.0  # And then so long to answer as Ray's servers do.
RAY_PORT = 6379

_CHECK_ALIVE = "/ray.rpc.NodeInfoGcsService/CheckAlive"  # what Ray's own health check asks
# gRPC reports the answer of a web server or a proxy in these words.
_NO_SERVICE = "http2 header with status"
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

    `address`: "local" (a cluster started and ended here), "auto" (the one that runs on this machine) or
    HOST:PORT. Must be entered on the main thread: a helper thread that ends takes the local cluster with
    it. A process already connected is joined, not disturbed. `packages` are folders of code to send along;
    only a cluster that was not started here needs them. Raises `ClusterUnreachable`.

    Ray is started from an empty directory: the driver's comes first on the workers' path, and a user's own
    `schemas/` would shadow ours.
    """
    quiet_ray(verbose=verbose)
    import ray

    if ray.is_initialized():
        yield _session(started=False)
        return
    if address == "local":
        init: dict[str, Any] = {
            "address": "local",
            "num_cpus": cpus,
            "object_store_memory": object_store_bytes,
        }
    else:
        init = {
            "address": reachable(address),
            "runtime_env": {"py_modules": [str(folder) for folder in packages]},
        }
    # Workers live in this folder until the end.
    with tempfile.TemporaryDirectory(prefix="vaengine-", ignore_cleanup_errors=True) as empty:
        with contextlib.chdir(empty), contextlib.nullcontext() if verbose else _without_ray_log():
            _connect(address, init, verbose=verbose)
        try:
            yield _session(started=address == "local")
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


def _connect(address: str, init: dict[str, Any], *, verbose: bool) -> None:
    import ray

    level = logging.INFO if verbose else logging.ERROR
    logging.getLogger("ray").setLevel(level)
    _keep_off_standard_output()
    try:
        ray.init(
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
        ray.shutdown()
        raise NodeLost(f"Ray's node, while it was started ({str(error).splitlines()[0]}),") from error
    except BaseException:  # an interrupt: end what has been started so far
        ray.shutdown()
        raise


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


def reachable(address: str) -> str:
    """The HOST:PORT of `address`, once it answers as Ray's servers do.

    Raises `ClusterUnreachable` within seconds. Ray itself waits 20 s for an answer or on a missing token,
    and never says why.
    """
    target = _running_here() if address == "auto" else address.removeprefix("ray://")
    host, _, port = target.partition(":")
    try:
        with socket.create_connection((host, int(port or RAY_PORT)), timeout=CONNECT_TIMEOUT_S):
            pass
    except (OSError, ValueError) as error:
        raise ClusterUnreachable(
            address,
            f"{target} does not answer ({error}); start one with `ray start --head`, or check the address",
        ) from error
    if not (_uses_tls() or _answers_as_ray(f"{host}:{port or RAY_PORT}")):
        raise ClusterUnreachable(
            address, f"{target} does not answer as a Ray cluster does; check the address and its port"
        )
    if os.environ.get("RAY_AUTH_MODE") == "token" and not _token_there():
        raise ClusterUnreachable(
            address, "it asks for a token and there is none; set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
        )
    return address if address.startswith("ray://") else target


def _answers_as_ray(target: str) -> bool:
    """Whether a server answers to gRPC, even with a refusal.

    A proxy or a firewall may accept any connection without a server behind it.
    """
    import grpc

    with grpc.insecure_channel(target, [("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(_CHECK_ALIVE)(b"", timeout=ANSWER_TIMEOUT_S)
        except grpc.RpcError as error:
            no_server = (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.UNKNOWN,
                grpc.StatusCode.INTERNAL,
            )
            return error.code() not in no_server and _NO_SERVICE not in (error.details() or "")
    return True


def _uses_tls() -> bool:
    """Whether Ray's connections are encrypted: Ray has the certificates, this check has none."""
    return os.environ.get("RAY_USE_TLS", "0") not in ("", "0")


def _token_there() -> bool:
    path = os.environ.get("RAY_AUTH_TOKEN_PATH", str(Path.home() / ".ray" / "auth_token"))
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or Path(path).exists()


def _running_here() -> str:
    """The address of the cluster that runs on this machine, as `ray start` noted it."""
    address = running_here()
    if not address:
        raise ClusterUnreachable(
            "auto",
            "no cluster runs on this machine; start one with `ray start --head`, or leave --cluster out",
        )
    return address.removeprefix("ray://")


def running_here() -> str | None:
    """Address of a cluster that the user or `ray start` noted on this machine; it may have ended since."""
    return os.environ.get("RAY_ADDRESS") or _noted_address()


def _noted_address() -> str | None:
    note = Path(tempfile.gettempdir()) / "ray" / "ray_current_cluster"
    return note.read_text().strip() if note.exists() else None
