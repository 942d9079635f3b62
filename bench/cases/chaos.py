"""Benchmark of faults: a batch of real clips, one of them poisoned, while roles are killed.

It measures what is in the store afterwards, and what that cost.
"""

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
from bench.fixtures.copies import copied
from bench.harness.fault_injection import DRIVER, RAYLET, ROLES, Attacked, Kill
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
MOST_POISON_RUNS: Final = 3
EVERYBODY: Final = (*ROLES, DRIVER, RAYLET)
CALM: Final = ("decode worker", "finalizer", "store")
CALM_SECONDS: Final = 20.0
SLACK: Final = 0.1  # of the undisturbed time, that a death may cost beyond the restart


@dataclass(frozen=True, slots=True)
class ChaosOutcome:
    """A batch after it has ended: `digest` of everything stored; `innocents_lost` counts videos without a
    result though they have one.
    """

    wall_s: float
    digest: str
    completed: int
    innocents_lost: int
    poison_runs: int
    quarantined: int
    kills: tuple[Kill, ...] = ()


def measure(rounds: int, *, quick: bool = False) -> dict[str, Any]:
    """Seeds 1 to `rounds` with everybody as a victim, then each role once, then the calm attack; raises
    `RuntimeError` on a wrong store.
    """
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        clips = material(folder / "clips", repeats=1)
        undisturbed = batch(clips, folder / "undisturbed", (), 0.0, 0, most=0)
        wanted = range(1, 2 if quick else rounds + 1)
        seeds = {
            str(seed): batch(clips, folder / f"seed{seed}", EVERYBODY, 5.0, seed, most=4 if quick else 6)
            for seed in wanted
        }
        measured = {
            "clips": len(clips),
            "undisturbed": asdict(undisturbed),
            "seeds": {seed: asdict(one) for seed, one in seeds.items()},
        }
        if not quick:
            measured |= {"roles": one_by_one(clips, folder), "calm": calm(folder)}
    for what, one in seeds.items():
        hold(f"seed {what}", one, undisturbed)
    return measured


def material(folder: Path, *, repeats: int) -> list[Path]:
    """Real clips, each under `repeats` names, and one that ends whoever decodes it."""
    folder.mkdir()
    sources = [*sorted(MEDIA.glob(GRID)), *(MEDIA / name for name in OTHERS)]
    copies = [
        copied(source, folder / f"{number}-{source.name}") for number in range(repeats) for source in sources
    ]
    return [*copies, copied(sources[0], folder / f"{POISON}{sources[0].suffix}")]


def batch(
    clips: Sequence[Path], out: Path, roles: Sequence[str], every_s: float, seed: int, *, most: int
) -> ChaosOutcome:
    """One batch into a new folder, under attack."""
    told = out.with_suffix(".faults")
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
    attacked = Attacked(command, told)
    wall_s, code, kills = attacked.run(roles, every_s, random.Random(seed), most=most)
    found = outcome(f"sqlite:///{out / 'batch_processing.db'}", told, wall_s, kills)
    if code != 1 or found.innocents_lost:  # one video has failed: the poisoned one
        raise RuntimeError(f"exit code {code}, {found}: {attacked.last_words}")
    return found


def outcome(url: str, told: Path, wall_s: float, kills: Sequence[Kill]) -> ChaosOutcome:
    with closing(open_store(url, read_only=True)) as store:
        jobs = list(store.jobs())
        digest = canonical_digest(row for row in store.canonical_rows() if not _of_the_poison(row))
    innocents = [job for job in jobs if not job.video_id.startswith(POISON)]
    poisoned = [
        result for job in jobs for result in job.pipeline_results.values() if result.failure_kind == POISONED
    ]
    completed = sum(job.status is JobStatus.COMPLETED for job in innocents)
    runs = Counter(told.read_text().split()) if told.exists() else Counter()
    return ChaosOutcome(
        wall_s, digest, completed, len(innocents) - completed, runs[POISON], len(poisoned), tuple(kills)
    )


def _of_the_poison(row: Mapping[str, Any]) -> bool:
    """Which number its last try had may differ, and with it the reason that is stored."""
    return str(row.get("video_id", "")).startswith(POISON) or ("kind" in row and row["kind"] is not None)


def one_by_one(clips: Sequence[Path], folder: Path) -> dict[str, Any]:
    """Each role killed once, in mid-run."""
    return {
        role: asdict(batch(clips, folder / role.replace(" ", "-"), (role,), 12.0, 7, most=1))
        for role in EVERYBODY
    }


def calm(folder: Path) -> dict[str, Any]:
    """Decode workers, finalizers and stores killed every 20 s of a longer batch, against the same batch
    undisturbed.
    """
    clips = material(folder / "more", repeats=6)
    undisturbed = batch(clips, folder / "more-undisturbed", (), 0.0, 0, most=0)
    disturbed = batch(clips, folder / "more-disturbed", CALM, CALM_SECONDS, 3, most=1000)
    hold("decode workers, finalizers and stores", disturbed, undisturbed)
    return {"clips": len(clips), "undisturbed": asdict(undisturbed), "disturbed": asdict(disturbed)}


def hold(what: str, one: ChaosOutcome, undisturbed: ChaosOutcome) -> None:
    """Raises `RuntimeError` unless a batch ended as if nobody had disturbed it."""
    if (
        one.digest != undisturbed.digest
        or one.innocents_lost
        or one.poison_runs > MOST_POISON_RUNS + _driver_deaths(one)
    ):
        raise RuntimeError(f"{what}: the store is not what it would have been: {one}")


def _driver_deaths(one: ChaosOutcome) -> int:
    """A try that the death of its driver or node cut short is nobody's evidence, and is made again."""
    return sum(kill.role in (DRIVER, RAYLET, "isolation cell") for kill in one.kills)


def described(measured: Mapping[str, Any]) -> str:
    """What was killed, what was lost, what it cost."""
    calm_s = measured["undisturbed"]["wall_s"]
    parts = [
        f"{measured['clips']} clips, one of which ends every process that decodes it; undisturbed "
        f"{calm_s:.1f} s."
    ]
    rows = [
        [
            seed,
            ", ".join(kill["role"] for kill in one["kills"]),
            f"{one['wall_s']:.1f}",
            str(one["innocents_lost"]),
            str(one["poison_runs"]),
        ]
        for seed, one in measured["seeds"].items()
    ]
    parts.append(table(["seed", "killed", "wall s", "innocents lost", "poison runs"], rows))
    if "roles" in measured:
        lost = [[role, *_lost(one, calm_s)] for role, one in measured["roles"].items()]
        parts.append(
            table(["killed once", "wall s", "lost s", "back after s", f"back + {SLACK:.0%} s"], lost)
        )
    if "calm" in measured:
        ratio = measured["calm"]["undisturbed"]["wall_s"] / measured["calm"]["disturbed"]["wall_s"]
        kills = len(measured["calm"]["disturbed"]["kills"])
        parts.append(
            f"Decode workers, finalizers and stores killed every 20 s ({kills} kills): {ratio:.0%} of the "
            "undisturbed throughput."
        )
    return "\n\n".join(parts)


def _lost(one: Mapping[str, Any], calm_s: float) -> list[str]:
    """What one death cost, and what it may: the time until the role was played again, and a tenth of the
    run.
    """
    back = [kill["back_s"] for kill in one["kills"] if kill["back_s"] is not None]
    told = [f"{back[0]:.1f}", f"{back[0] + SLACK * calm_s:.1f}"] if back else ["-", "-"]
    return [f"{one['wall_s']:.1f}", f"{one['wall_s'] - calm_s:.1f}", *told]
