"""The folders of results around a store: which of them may be touched, and keeping their files in step
with what is removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actors.atomic_files import write_atomic
from actors.stores.engines.address import StoreUrl
from actors.stores.rules.erasure_text import leads_out, removed, require_all_inside
from schemas.errors import UsageError
from schemas.storage.backend import ResultStore, Store
from schemas.storage.retention import Removed
from schemas.work.job import BatchJob
from vaengine.console.units import counted
from vaengine.execution.projection import project_job
from vaengine.requests.checkpoint import FOLDER
from vaengine.requests.store_location import shown, stores_in


@dataclass(frozen=True, slots=True)
class FolderChange:
    """A file that goes, or that is written anew as `content`; it is told as one of its `folder`."""

    path: Path
    folder: Path
    kind: str
    content: bytes | None = None


Changes = Callable[[Path], Iterable[FolderChange]]  # those in one folder of results


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What is to be done to files around a store, and in words what is left as it is."""

    changes: tuple[FolderChange, ...]
    left: tuple[str, ...]

    @property
    def removed(self) -> Removed:
        """What goes by it."""
        counts, folders = (
            Counter(change.kind for change in self.changes),
            Counter(str(change.folder) for change in self.changes),
        )
        return Removed(removed(counts).counts, self.left, dict(sorted(folders.items())))

    def carry_out(self) -> None:
        """A file that has gone meanwhile is none to remove; a link is removed itself, and never what it
        leads to.
        """
        for change in self.changes:
            if change.content is None:
                change.path.unlink(missing_ok=True)
            else:
                write_atomic(change.path, change.content)


@dataclass(frozen=True, slots=True)
class ResultFolders:
    """Folders of results that may be touched, `outs`, of which a store of files is one itself (`own`), and
    those `elsewhere` that may not.

    Jobs know where their run wrote to. In a copy of a store that is the original's folder still, so only what
    lies below a folder that was named is touched. A video's folder is looked for by the video's id: a copy
    has it too.
    """

    outs: tuple[Path, ...]
    elsewhere: tuple[Path, ...] = ()
    own: Path | None = None

    @classmethod
    def of(cls, store: Store, jobs: Iterable[BatchJob], named: Sequence[Path]) -> ResultFolders:
        """What these jobs tell of, of which only what is below the named folders may be touched; raises
        `LeadsOut`.
        """
        address, videos = StoreUrl.parse(store.url), list(jobs)
        own = address.path if address.kind == "files" else None
        outs = dict.fromkeys([*named, *([own] if own else [])])
        _refuse_other_trees(outs, own)
        if own:
            for video_id in {job.video_id for job in videos}:
                require_all_inside(own / video_id, own)
        told = sorted({job.output_dir.parent for job in videos if job.output_dir.name == job.video_id})
        new = [out for out in told if not any(_is_same(out, one) for one in outs)]
        below = [out for out in new if any(_is_ours(out, one, address) for one in outs)]
        return cls(tuple(sorted({*outs, *below})), tuple(out for out in new if out not in below), own)

    def folders(self, video_id: str) -> list[Path]:
        """Folders of a video that are there and may be touched."""
        return [
            out / video_id
            for out in self.outs
            if (out / video_id).is_dir() and not leads_out(out / video_id, out)
        ]

    def projected(self, video_id: str) -> list[Path]:
        """Those of them that hold projections of what a database has."""
        return [folder for folder in self.folders(video_id) if folder.parent != self.own]

    def plan(self, video_ids: Sequence[str], changes: Changes) -> RemovalPlan:
        """What to do, where each folder of results has these changes; the same changes elsewhere are
        told, and not made.
        """
        own = [
            change for out in self.outs for change in changes(out) if not leads_out(change.path.parent, out)
        ]
        linked = [line for out in self.outs for line in _links(out, video_ids)]
        ends = [
            f"{change.path} is a link; {change.path.resolve()} stays as it is"
            for change in own
            if change.path.is_symlink()
        ]
        others = [line for out in self.elsewhere if out.is_dir() for line in _stays(out, changes(out))]
        return RemovalPlan(tuple(own), (*linked, *ends, *others))

    def away(self, what: str) -> list[str]:
        """Folders that cannot be looked into."""
        outs = (out for out in (*self.outs, *self.elsewhere) if not out.is_dir())
        return [
            f"{out} is not on this machine: say the same there, or remove {what} from it by hand"
            for out in outs
        ]

    def project_again(self, store: ResultStore, video_ids: Iterable[str]) -> None:
        """Write what is missing by now, the newest job last, where there are projections at all."""
        wanted = {video_id: self.projected(video_id) for video_id in video_ids}
        for job in store.jobs() if any(wanted.values()) else ():
            for folder in wanted.get(job.video_id, ()):
                project_job(store, job, folder.parent)


def _refuse_other_trees(outs: Iterable[Path], own: Path | None) -> None:
    """In a store of files the files are the results themselves: they go by way of that store, or it would
    be damaged.
    """
    for out in outs:
        if (out / ".store" / "epoch").exists() and not (own and _is_same(out, own)):
            raise UsageError(f"{out} is a store of files itself: say the same with --db files:{out}")


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _is_ours(out: Path, named: Path, address: StoreUrl) -> bool:
    """Whether a folder is below a named one, and neither it nor one on the way has a store of its own,
    whose results it would have.
    """
    real, top = out.resolve(), named.resolve()
    if not real.is_relative_to(top):
        return False
    between = [folder for folder in (real, *real.parents) if folder.is_relative_to(top) and folder != top]
    return not any(_is_another(url, address) for folder in between for url in stores_in(folder))


def _is_another(url: str, address: StoreUrl) -> bool:
    return address.kind == "postgresql" or not _is_same(StoreUrl.parse(url).path, address.path)


def _links(out: Path, video_ids: Iterable[str]) -> list[str]:
    found = (out / name for name in (*video_ids, FOLDER))
    linked = [path for path in found if path.is_symlink() and leads_out(path, out)]
    return [f"{path} is a link to {path.resolve()}, outside of {out}, and stays as it is" for path in linked]


def _stays(out: Path, changes: Iterable[FolderChange]) -> list[str]:
    """What would have to be done in a folder that nobody has named, and how to have it done."""
    counts = Counter(change.folder if change.folder != out else change.path for change in changes)
    store = next(stores_in(out), None)
    way = f"it has a store of its own, {shown(store)}" if store else f"--also {out} takes it along"
    return [
        f"{path}{_count(path, out, n)} was not named and stays as it is: {way}"
        for path, n in sorted(counts.items())
    ]


def _count(path: Path, out: Path, count: int) -> str:
    return f" ({counted(count, 'file')})" if path.parent == out and path.is_dir() else ""
