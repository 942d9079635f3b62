"""The results folders around a store: which may be touched, and how their files follow a removal."""

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
    """A file that is removed, or rewritten with `content`; reports count it for its `folder`."""

    path: Path
    folder: Path
    kind: str
    content: bytes | None = None


Changes = Callable[[Path], Iterable[FolderChange]]  # returns the changes in one results folder


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """Changes to files around a store, and lines about what stays as it is."""

    changes: tuple[FolderChange, ...]
    left: tuple[str, ...]

    @property
    def removed(self) -> Removed:
        """The counts of what the plan removes."""
        counts, folders = (
            Counter(change.kind for change in self.changes),
            Counter(str(change.folder) for change in self.changes),
        )
        return Removed(removed(counts).counts, self.left, dict(sorted(folders.items())))

    def carry_out(self) -> None:
        """Remove and rewrite the files.

        A file that is gone already is skipped. A link is removed itself, never its target.
        """
        for change in self.changes:
            if change.content is None:
                change.path.unlink(missing_ok=True)
            else:
                write_atomic(change.path, change.content)


@dataclass(frozen=True, slots=True)
class ResultFolders:
    """Results folders that may be touched (`outs`), and those that may not (`elsewhere`).

    `own` is the folder of a store of files, itself one of `outs`. Jobs record where their run wrote to. In a
    copy of a store that is still the original's folder, so only what lies below a named folder is touched. A
    video's folder is found by the video's id, because a copy has it too.
    """

    outs: tuple[Path, ...]
    elsewhere: tuple[Path, ...] = ()
    own: Path | None = None

    @classmethod
    def of(cls, store: Store, jobs: Iterable[BatchJob], named: Sequence[Path]) -> ResultFolders:
        """The folders that these jobs record; only those below the named folders may be touched.

        Raises `LeadsOut`.
        """
        address, videos = StoreUrl.parse(store.url), list(jobs)
        own = address.path if address.kind == "files" else None
        outs = dict.fromkeys([*named, *([own] if own else [])])
        _refuse_other_stores(outs, own)
        if own:
            for video_id in {job.video_id for job in videos}:
                require_all_inside(own / video_id, own)
        job_folders = sorted({job.output_dir.parent for job in videos if job.output_dir.name == job.video_id})
        other_folders = [out for out in job_folders if not any(_is_same(out, one) for one in outs)]
        touchable = [out for out in other_folders if any(_is_ours(out, one, address) for one in outs)]
        return cls(
            tuple(sorted({*outs, *touchable})),
            tuple(out for out in other_folders if out not in touchable),
            own,
        )

    def folders(self, video_id: str) -> list[Path]:
        """The existing folders of a video that may be touched."""
        return [
            out / video_id
            for out in self.outs
            if (out / video_id).is_dir() and not leads_out(out / video_id, out)
        ]

    def projected(self, video_id: str) -> list[Path]:
        """Those of a video's folders that hold projections of a database."""
        return [folder for folder in self.folders(video_id) if folder.parent != self.own]

    def plan(self, video_ids: Sequence[str], changes: Changes) -> RemovalPlan:
        """The plan for changes to each results folder; changes in untouchable folders are only reported."""
        touched = [
            change for out in self.outs for change in changes(out) if not leads_out(change.path.parent, out)
        ]
        link_lines = [line for out in self.outs for line in _link_lines(out, video_ids)]
        linked_files = [
            f"{change.path} is a link; {change.path.resolve()} stays as it is"
            for change in touched
            if change.path.is_symlink()
        ]
        untouched_lines = [
            line for out in self.elsewhere if out.is_dir() for line in _untouched_lines(out, changes(out))
        ]
        return RemovalPlan(tuple(touched), (*link_lines, *linked_files, *untouched_lines))

    def unreachable_lines(self, what: str) -> list[str]:
        """Lines about folders that are not on this machine."""
        outs = (out for out in (*self.outs, *self.elsewhere) if not out.is_dir())
        return [
            f"{out} is not on this machine: say the same there, or remove {what} from it by hand"
            for out in outs
        ]

    def project_again(self, store: ResultStore, video_ids: Iterable[str]) -> None:
        """Write missing projections again, the newest job last, where there are projections at all."""
        folders_by_video = {video_id: self.projected(video_id) for video_id in video_ids}
        for job in store.jobs() if any(folders_by_video.values()) else ():
            for folder in folders_by_video.get(job.video_id, ()):
                project_job(store, job, folder.parent)


def _refuse_other_stores(outs: Iterable[Path], own: Path | None) -> None:
    """Raises `UsageError` for a folder that is another store of files.

    Its files are the results themselves: they are removed through that store, or it would be damaged.
    """
    for out in outs:
        if (out / ".store" / "epoch").exists() and not (own and _is_same(out, own)):
            raise UsageError(f"{out} is a store of files itself: say the same with --db files:{out}")


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _is_ours(out: Path, named: Path, address: StoreUrl) -> bool:
    """Whether a folder is below a named one, without another store in it or on the way.

    The results would belong to that other store.
    """
    real, top = out.resolve(), named.resolve()
    if not real.is_relative_to(top):
        return False
    between = [folder for folder in (real, *real.parents) if folder.is_relative_to(top) and folder != top]
    return not any(_is_other_store(url, address) for folder in between for url in stores_in(folder))


def _is_other_store(url: str, address: StoreUrl) -> bool:
    return address.kind == "postgresql" or not _is_same(StoreUrl.parse(url).path, address.path)


def _link_lines(out: Path, video_ids: Iterable[str]) -> list[str]:
    found = (out / name for name in (*video_ids, FOLDER))
    linked = [path for path in found if path.is_symlink() and leads_out(path, out)]
    return [f"{path} is a link to {path.resolve()}, outside of {out}, and stays as it is" for path in linked]


def _untouched_lines(out: Path, changes: Iterable[FolderChange]) -> list[str]:
    """Lines about changes in a folder that was not named, and how to include it."""
    counts = Counter(change.folder if change.folder != out else change.path for change in changes)
    store = next(stores_in(out), None)
    way = f"it has a store of its own, {shown(store)}" if store else f"--also {out} takes it along"
    return [
        f"{path}{_count_text(path, out, n)} was not named and stays as it is: {way}"
        for path, n in sorted(counts.items())
    ]


def _count_text(path: Path, out: Path, count: int) -> str:
    return f" ({counted(count, 'file')})" if path.parent == out and path.is_dir() else ""
