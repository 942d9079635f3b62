"""The folders of results around a store: where they are, and keeping their files in step with what is removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actors.stores.address import Address
from actors.stores.removal import removed
from actors.stores.transitions import keys_of
from schemas.job import BatchJob
from schemas.pipeline import AUDIO
from schemas.retention import Removed
from schemas.store import StorageBackend
from vaengine.projection import is_fresh, project_job

DOCUMENTS = ("job_metadata.json", "batch_summary.json")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Folders that runs wrote to, `outs`, of which a store of files is one itself (`own`) and sees to its videos' folders on its own."""

    outs: tuple[Path, ...]
    own: Path | None = None

    @classmethod
    def of(cls, store: StorageBackend, jobs: Iterable[BatchJob], out: Path | None) -> Surroundings:
        """Those that the jobs tell of, and `out`."""
        told = {job.output_dir.parent for job in jobs if job.output_dir.name == job.video_id}
        address = Address.parse(store.url)
        own = address.path if address.kind == "files" else None
        return cls(tuple(sorted(told | ({out} if out else set()) | ({own} if own else set()))), own)

    def folders(self, video_id: str) -> list[Path]:
        """Folders of a video that are there."""
        return [out / video_id for out in self.outs if (out / video_id).is_dir()]

    def projected(self, video_id: str) -> list[Path]:
        """Those of them that hold projections of what a database has."""
        return [folder for folder in self.folders(video_id) if folder.parent != self.own]

    def drop_projections(self, store: StorageBackend, jobs: Sequence[BatchJob]) -> Removed:
        """Remove the files of results that go with these jobs, and a video's folder once nothing is in it."""
        gone, counts = {job.job_id for job in jobs}, Counter[str]()
        videos = {job.video_id for job in jobs}
        staying = [job for job in store.jobs() if job.video_id in videos and job.job_id not in gone]
        kept = {key for job in staying for key in keys_of(job).values()}
        for job in jobs:
            results = [job.pipeline_results[name] for name, key in keys_of(job).items() if key not in kept]
            last = job.video_id not in {other.video_id for other in staying}
            for folder in self.projected(job.video_id):
                paths = [
                    folder / f"{result.pipeline}.json"
                    for result in results
                    if is_fresh(folder / f"{result.pipeline}.json", result.digest or "")
                ]
                counts["files"] += drop([*paths, *(folder / name for name in DOCUMENTS if last)])
                if not any(folder.iterdir()):
                    folder.rmdir()
        return removed(counts)

    def project_again(self, store: StorageBackend, video_ids: Iterable[str]) -> None:
        """Write what is missing by now, the newest job last, where there are projections at all."""
        wanted = {video_id: self.projected(video_id) for video_id in video_ids}
        for job in store.jobs() if any(wanted.values()) else ():
            for folder in wanted.get(job.video_id, ()):
                project_job(store, job, folder.parent)


def drop(paths: Iterable[Path], *, dry_run: bool = False) -> int:
    """Remove files with what lies beside those of sound; how many there were."""
    every = [file for path in paths for file in (*beside(path), path) if file.is_file()]
    for path in every if not dry_run else ():
        path.unlink()
    return len(every)


def beside(path: Path) -> list[Path]:
    """What lies beside a pipeline's file."""
    return [path.with_suffix(f".{ending}") for ending in ("vtt", "srt", "rttm")] if path.stem == AUDIO else []
