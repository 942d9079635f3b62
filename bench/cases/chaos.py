"""Benchmark of faults: a batch with a poisoned clip while processes are killed, its results and its cost."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from actors.stores import open_store
from bench.fixtures.copies import copy_with_mark
from bench.harness.fault_injection import DRIVER, RAYLET, ROLES, AttackedBatch, Kill
from bench.harness.report import table
from schemas.annotations.annotation import canonical_digest
from schemas.work.attempt import POISONED
from schemas.work.job import JobStatus

TITLE = "Under attack"
MEDIA: Final = Path(__file__).parents[3] / "shared/media"
GRID: Final = "video/grid/*.mpg"
OTHERS: Final = (
    "derived/h264_aac.mp4",
    "derived/vfr.mp4",
    "video/psd_counter.mp4",
    "video/pyfeat_single_face.mp4",
)
POISON: Final = "segfault"
MAX_POISON_RUNS: Final = 3
ALL_ROLES: Final = (*ROLES, DRIVER, RAYLET)
CALM_ROLES: Final = ("decode worker", "finalizer", "store")
CALM_SECONDS: Final = 20.0  # between two kills
SLACK: Final = 0.1  # share of the undisturbed time that a kill may cost beyond the restart


@dataclass(frozen=True, slots=True)
class ChaosOutcome:
    """A batch after its end.

    `digest` is that of all stored rows without the poisoned clip. `innocents_lost` is the number of other
    videos without a result.
    """

    wall_s: float
    digest: str
    completed: int
    innocents_lost: int
    poison_runs: int
    quarantined: int
    kills: tuple[Kill, ...] = ()


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """Kill any role with seeds 1 to `rounds`, then each role once, then a few roles in a longer batch.

    Raises `RuntimeError` for a wrong store.
    """
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        clips = material(folder / "clips", repeats=1)
        undisturbed = batch(clips, folder / "undisturbed", (), 0.0, 0, most=0)
        seeds = {
            str(seed): batch(clips, folder / f"seed{seed}", ALL_ROLES, 5.0, seed, most=4 if quick else 6)
            for seed in range(1, 2 if quick else rounds + 1)
        }
        measured = {
            "clips": len(clips),
            "undisturbed": asdict(undisturbed),
            "seeds": {seed: asdict(outcome) for seed, outcome in seeds.items()},
        }
        if not quick:
            measured |= {"roles": one_by_one(clips, folder), "calm": calm(folder)}
    for seed, outcome in seeds.items():
        require_same(f"seed {seed}", outcome, undisturbed)
    return measured


def material(folder: Path, *, repeats: int) -> list[Path]:
    """Copy real clips, each under `repeats` names, and one that ends every process that decodes it."""
    folder.mkdir()
    sources = [*sorted(MEDIA.glob(GRID)), *(MEDIA / name for name in OTHERS)]
    copies = [
        copy_with_mark(source, folder / f"{number}-{source.name}")
        for number in range(repeats)
        for source in sources
    ]
    return [*copies, copy_with_mark(sources[0], folder / f"{POISON}{sources[0].suffix}")]


def batch(
    clips: Sequence[Path], out: Path, roles: Sequence[str], every_s: float, seed: int, *, most: int
) -> ChaosOutcome:
    """Run one batch into a new folder and kill up to `most` processes of the roles, one each `every_s`."""
    fault_log = out.with_suffix(".faults")
    command: list[str | Path] = [
        "run",
        *clips,
        "--out",
        out,
        "--preset",
        "embedded",
        "--no-files",
        "--cluster",
        "local",
        "--set",
        "engine.chunk_seconds=3",
        "--json",
    ]
    attacked = AttackedBatch(command, fault_log)
    wall_s, code, kills = attacked.run(roles, every_s, random.Random(seed), most=most)
    outcome = outcome_of(f"sqlite:///{out / 'batch_processing.db'}", fault_log, wall_s, kills)
    if code != 1 or outcome.innocents_lost:  # exit code 1: the poisoned video has failed
        raise RuntimeError(f"exit code {code}, {outcome}: {attacked.last_words}")
    return outcome


def outcome_of(url: str, fault_log: Path, wall_s: float, kills: Sequence[Kill]) -> ChaosOutcome:
    """The outcome of a batch, read from its store."""
    with closing(open_store(url, read_only=True)) as store:
        jobs = list(store.jobs())
        digest = canonical_digest(row for row in store.canonical_rows() if not _may_differ(row))
    innocents = [job for job in jobs if not job.video_id.startswith(POISON)]
    poisoned = [
        result for job in jobs for result in job.pipeline_results.values() if result.failure_kind == POISONED
    ]
    completed = sum(job.status is JobStatus.COMPLETED for job in innocents)
    runs = Counter(fault_log.read_text().split()) if fault_log.exists() else Counter()
    return ChaosOutcome(
        wall_s, digest, completed, len(innocents) - completed, runs[POISON], len(poisoned), tuple(kills)
    )


def _may_differ(row: Mapping[str, Any]) -> bool:
    """Whether a row is of the poisoned clip, whose number of attempts and stored reason may differ."""
    return str(row.get("video_id", "")).startswith(POISON) or ("kind" in row and row["kind"] is not None)


def one_by_one(clips: Sequence[Path], folder: Path) -> dict[str, Any]:
    """A batch for each role, which is killed once in the middle of the run."""
    return {
        role: asdict(batch(clips, folder / role.replace(" ", "-"), (role,), 12.0, 7, most=1))
        for role in ALL_ROLES
    }


def calm(folder: Path) -> dict[str, Any]:
    """A longer batch with a decode worker, finalizer or store killed every 20 s, and the same undisturbed."""
    clips = material(folder / "more", repeats=6)
    undisturbed = batch(clips, folder / "more-undisturbed", (), 0.0, 0, most=0)
    disturbed = batch(clips, folder / "more-disturbed", CALM_ROLES, CALM_SECONDS, 3, most=1000)
    require_same("decode workers, finalizers and stores", disturbed, undisturbed)
    return {"clips": len(clips), "undisturbed": asdict(undisturbed), "disturbed": asdict(disturbed)}


def require_same(name: str, outcome: ChaosOutcome, undisturbed: ChaosOutcome) -> None:
    """Raise `RuntimeError` unless a batch ended like the undisturbed one."""
    if (
        outcome.digest != undisturbed.digest
        or outcome.innocents_lost
        or outcome.poison_runs > MAX_POISON_RUNS + _repeated_attempts(outcome)
    ):
        raise RuntimeError(f"{name}: the store is not what it would have been: {outcome}")


def _repeated_attempts(outcome: ChaosOutcome) -> int:
    """Number of kills that cut an isolated attempt short: it does not count and is repeated."""
    return sum(kill.role in (DRIVER, RAYLET, "isolation cell") for kill in outcome.kills)


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables: kills, lost results and cost."""
    calm_s = measured["undisturbed"]["wall_s"]
    parts = [
        f"{measured['clips']} clips, one of which ends every process that decodes it; undisturbed "
        f"{calm_s:.1f} s."
    ]
    rows = [
        [
            seed,
            ", ".join(kill["role"] for kill in outcome["kills"]),
            f"{outcome['wall_s']:.1f}",
            str(outcome["innocents_lost"]),
            str(outcome["poison_runs"]),
        ]
        for seed, outcome in measured["seeds"].items()
    ]
    parts.append(table(["seed", "killed", "wall s", "innocents lost", "poison runs"], rows))
    if "roles" in measured:
        costs = [[role, *_cost(outcome, calm_s)] for role, outcome in measured["roles"].items()]
        parts.append(
            table(["killed once", "wall s", "lost s", "back after s", f"back + {SLACK:.0%} s"], costs)
        )
    if "calm" in measured:
        ratio = measured["calm"]["undisturbed"]["wall_s"] / measured["calm"]["disturbed"]["wall_s"]
        kills = len(measured["calm"]["disturbed"]["kills"])
        parts.append(
            f"Decode workers, finalizers and stores killed every 20 s ({kills} kills): {ratio:.0%} of the "
            "undisturbed throughput."
        )
    return "\n\n".join(parts)


def _cost(outcome: Mapping[str, Any], calm_s: float) -> list[str]:
    """The cost of one kill, and its limit: the time until the role was back, and a tenth of the run."""
    back_s = [kill["back_s"] for kill in outcome["kills"] if kill["back_s"] is not None]
    limits = [f"{back_s[0]:.1f}", f"{back_s[0] + SLACK * calm_s:.1f}"] if back_s else ["-", "-"]
    return [f"{outcome['wall_s']:.1f}", f"{outcome['wall_s'] - calm_s:.1f}", *limits]
