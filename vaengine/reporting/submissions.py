"""What `vaengine status --cluster` and `vaengine cluster status` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from cluster.overview import ClusterOverview
from cluster.submission.submission import Submission
from vaengine.console.output import Table
from vaengine.console.units import clock, counted, size

WORDS: Final = {"PENDING": "starting", "RUNNING": "running", "SUCCEEDED": "completed", "STOPPED": "stopped"}
COLOURS: Final = {"completed": "green", "running": "yellow", "starting": "yellow"}
# Of exit codes of a run; see the README.
ENDINGS: Final = {1: "some work failed", 2: "refused", 129: "stopped", 130: "stopped", 143: "stopped"}
SHOWN: Final = ("CPU", "GPU", "memory", "object_store_memory")


def state_word(one: Submission) -> str:
    """The state of a batch in one or two words."""
    if one.state == "FAILED":
        return ENDINGS.get(one.exit_code or 0, "failed")
    return WORDS.get(one.state, one.state.lower())


def submission_table(found: Sequence[Submission], last_lines: Mapping[str, str], now: datetime) -> Table:
    """A row for each batch; `last_lines` of logs, by submission."""
    rows = tuple(
        (
            state_word(one),
            one.batch_id,
            one.started_at.strftime("%Y-%m-%d %H:%M:%S") if one.started_at else "",
            clock(((one.ended_at or now) - one.started_at).total_seconds()) if one.started_at else "",
            one.db or one.out,
            last_lines.get(one.submission_id, ""),
        )
        for one in found
    )
    colours = tuple(COLOURS.get(row[0], "red") for row in rows)
    return Table(("state", "batch", "started (UTC)", "took", "results", "last line"), rows, colours)


def submission_data(one: Submission, last_line: str = "") -> dict[str, Any]:
    """A batch as programs read it."""
    times = {
        name: value.astimezone(UTC).isoformat() if value else None
        for name, value in (("started_at", one.started_at), ("ended_at", one.ended_at))
    }
    return {**asdict(one), **times, "word": state_word(one), "last_line": last_line}


def overview_lines(seen: ClusterOverview) -> list[str]:
    """The head of `vaengine cluster status`."""
    up = [node for node in seen.nodes if node.total]
    lines = [
        f"cluster at {seen.address}: {seen.versions}, {counted(len(up), 'node')}",
        f"jobs: http://{seen.job_server}" if seen.job_server else "jobs: its head has no job server",
    ]
    lines += [f"{number} wait for {_resources(bundle)}" for bundle, number in seen.waiting]
    return lines


def node_table(seen: ClusterOverview) -> Table:
    """A row for each node."""
    rows = tuple((node.address, node.state.lower(), *_used(node.total, node.free)) for node in seen.nodes)
    return Table(("node", "state", *(f"{name} free" for name in SHOWN)), rows)


def _used(total: Mapping[str, float], free: Mapping[str, float]) -> list[str]:
    return [
        f"{_amount(name, free.get(name, 0.0))} of {_amount(name, total[name])}" if name in total else ""
        for name in SHOWN
    ]


def _resources(bundle: Mapping[str, float]) -> str:
    return (
        " and ".join(f"{_amount(name, amount)} {name}" for name, amount in sorted(bundle.items()))
        or "a start"
    )


def _amount(name: str, amount: float) -> str:
    return size(amount) if "memory" in name else f"{amount:g}"
