"""A folder of videos and one of results around a store, as runs leave these, and a copy of both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from actors.stores import open_store
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.job import BatchReport, VideoOutcome
from tests.support.servers import postgres
from tests.support.stores.fake_videos import RUN, Clip
from tests.support.stores.retained import identify, kept
from vaengine.execution.projection import project_job
from vaengine.reporting.run_report import write_report
from vaengine.requests.checkpoint import FORMAT

ALL = (SCENE, PERSON, FACE, AUDIO)

URLS: dict[str, Callable[[Path], str]] = {
    "files": lambda folder: f"files:{folder / 'out'}",
    "sqlite": lambda folder: f"sqlite:///{folder / 'out' / 'batch_processing.db'}",
    "postgresql": lambda folder: postgres.migrated_database(),
}


class Place:
    """Two videos, alpha and beta, with complete results, pictures, reports, checkpoints and an identity."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.out = folder, url, folder / "out"
        self.videos = folder / "videos"
        self.videos.mkdir()
        self.clips = {
            name: Clip(str(self.videos / f"{name}.mp4"), content)
            for name, content in zip(("alpha", "beta"), "ab", strict=True)
        }
        for clip in self.clips.values():
            Path(clip.name).write_bytes(b"not looked into")
        with self.store() as store:
            for days, clip in enumerate(self.clips.values(), start=9000):
                job = kept(store, clip, *(clip.key(name) for name in ALL), days=days, out=self.out)
                if not url.startswith("files:"):
                    project_job(store, job, self.out)
                for name in ("annotated.mp4", "timeline.png"):
                    (self.out / clip.video_id / name).write_bytes(b"a picture")
            identify(store, *(("identity_0007", clip, "face_0001") for clip in self.clips.values()))
            paths = tuple(clip.name for clip in self.clips.values())
            store.close_run(store.open_run(replace(RUN, inputs=paths)), "completed")
        self._told_of_batches(paths)

    def _told_of_batches(self, paths: tuple[str, ...]) -> None:
        outcomes = tuple(VideoOutcome(clip.video_id, clip.name, "completed") for clip in self.clips.values())
        write_report(BatchReport("batch-1", outcomes, 1.0), self.out, {})
        (self.out / "checkpoints").mkdir()
        asked = {
            "store_url": self.url,
            "out": str(self.out),
            "pipelines": [SCENE],
            "config": {},
            "presets": {},
        }
        for name, inputs in (("batch-1", paths), ("batch-2", paths[:1])):
            text = json.dumps({"format": FORMAT, "batch_id": name, **asked, "inputs": inputs})
            (self.out / "checkpoints" / f"checkpoint_{name}.json").write_text(text)
        (self.out / "overview.png").write_bytes(b"names of videos, drawn")

    @contextmanager
    def store(self) -> Iterator[StorageBackend]:
        with closing(open_store(self.url)) as store:
            yield store

    def id(self, name: str) -> str:
        return self.clips[name].video_id

    def copied(self, folder: Path) -> tuple[Path, str]:
        """A copy of the results, as `cp -r` makes it, and the address of the store that is in it."""
        shutil.copytree(self.out, folder, symlinks=True)
        if self.url.startswith("postgresql:"):
            return folder, postgres.copy_of(self.url)
        return folder, self.url.replace(str(self.out), str(folder))
