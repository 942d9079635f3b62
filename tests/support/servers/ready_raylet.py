"""A raylet that does not wait for its agents, in place of Ray's own on a host of tests.

Ray 2.60 does not tell its raylet on which port the agent of the dashboard will listen. So a raylet waits
until the agent has written it into a file, and ends itself after 15 s. On a busy machine that takes longer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.support.runs.commands import VAENGINE
from tests.support.servers.hosts import Host

AGENT_PORT, LISTEN_PORT, ENVIRONMENT_PORT, METRICS_PORT = 52366, 52365, 52367, 52368
AGENT_PORTS: Final = (
    *("--dashboard-agent-grpc-port", str(AGENT_PORT), "--dashboard-agent-listen-port", str(LISTEN_PORT)),
    *("--runtime-env-agent-port", str(ENVIRONMENT_PORT), "--metrics-export-port", str(METRICS_PORT)),
)
_OWN: Final = "/tmp/own"  # on the host
# The last of several values of an option counts. All nodes of a host share the agents of its first one.
_RAYLET: Final = f"""#!/bin/sh
exec {_OWN}/raylet "$@" --dashboard_agent_listen_port={LISTEN_PORT} --metrics-agent-port={AGENT_PORT} \\
  --metrics_export_port={METRICS_PORT} --runtime_env_agent_port={ENVIRONMENT_PORT}
"""


def install(host: Host, shared: Path) -> None:
    """Have nodes of a host start such a raylet; `shared` is a folder that the host sees under this path."""
    import ray

    raylet = Path(ray.__file__).parent / "core" / "src" / "ray" / "raylet" / "raylet"
    ready = shared / "raylet"
    if not ready.exists():
        ready.write_text(_RAYLET)
        ready.chmod(0o755)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    for command in (
        ("mkdir", "-p", _OWN),
        ("touch", f"{_OWN}/raylet"),
        ("mount", "--bind", raylet, f"{_OWN}/raylet"),
        ("mount", "--bind", ready, raylet),
    ):
        host.run(*command, env=environment)


_RAY: Final = f"""#!/bin/sh
export RAY_raylet_start_wait_time_s=380 RAY_agent_register_timeout_ms=380000 RAY_worker_niceness=0
test "$1" = start && set -- "$@" {" ".join(AGENT_PORTS)} --object-store-memory={{store_bytes}}
exec {VAENGINE.parent}/ray "$@"
"""


def programs(folder: Path, store_bytes: int) -> Path:
    """A new folder with `ray`, whose nodes suit such a raylet, and with `python` and `vaengine`."""
    folder.mkdir()
    texts = {name: f'#!/bin/sh\nexec {VAENGINE.parent}/{name} "$@"\n' for name in ("python", "vaengine")}
    for name, text in (texts | {"ray": _RAY.format(store_bytes=store_bytes)}).items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder
