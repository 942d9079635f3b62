"""What queries ask of a store, whether it is a database or a folder of files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection as Sized
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from schemas.annotations.annotation import AUDIO_EVENT, BEHAVIOR_TYPE, Annotation
from schemas.pipelines import AnsweredBy
from schemas.storage.backend import Identity
from vaengine.queries.language.document import Measure, Query
from vaengine.queries.resolution import Member, Resolution

LABELLED: Final = {AUDIO_EVENT: "sound", BEHAVIOR_TYPE: "behavior"}  # types of rows with labels, by facet


@dataclass(frozen=True, slots=True)
class Contents:
    """How many videos there are, and how many of them each pipeline has a complete result of.

    `source` says whose results count. `all_current`: every stored row is of one that does. `has_faces`:
    there are identities by face, which join tracks of one person.
    """

    videos: int
    analysed: Mapping[str, int] = field(default_factory=dict)
    all_current: bool = True
    has_faces: bool = False
    source: AnsweredBy = "machine"

    def has_all(self, pipelines: Sized[str]) -> bool:
        """Whether every video has a complete result of each of these pipelines."""
        return all(self.analysed.get(pipeline, 0) >= self.videos for pipeline in pipelines)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of answers ends: the order is the score downwards, then the other values upwards."""

    score: float
    keys: tuple[str | float, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One answer as it is found: a moment with the ids of its rows, or a video with its `moments`."""

    score: float
    video_id: str
    start_s: float
    end_s: float
    ids: tuple[str, ...] = ()
    moments: int = 1

    def position(self, answers: str) -> Position:
        """Where the next page begins behind this answer."""
        if answers == "videos":
            return Position(self.score, (self.video_id,))
        return Position(self.score, (self.video_id, self.start_s, *self.ids))


@dataclass(frozen=True, slots=True)
class VideoPlace:
    """A video's path, and how long it is."""

    path: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Facet:
    """One value that can be asked for: how many rows have it, in how many videos."""

    facet: str
    value: str
    rows: int
    videos: int


class Collection(ABC):
    """The results of a store, for queries; only current complete results count."""

    @abstractmethod
    def contents(self) -> Contents:
        """Videos and complete results, counted."""

    @abstractmethod
    def page(
        self, query: Query, resolution: Resolution, after: Position | None, limit: int | None
    ) -> list[Row]:
        """The answers of a query in their order, from a position on."""

    @abstractmethod
    def ids(self, query: Query, resolution: Resolution) -> set[str]:
        """The ids of the rows that `find` means and that any moment begins with."""

    @abstractmethod
    def count(self, query: Query, resolution: Resolution) -> tuple[int, int]:
        """How many moments there are, in how many videos."""

    @abstractmethod
    def measures(
        self,
        query: Query,
        resolution: Resolution,
        measures: Sequence[Measure],
        ids: Iterable[str] | None = None,
    ) -> dict[str, tuple[float | None, ...]]:
        """These numbers of each row that `find` means, or of those with these ids."""

    @abstractmethod
    def plan(self, query: Query, resolution: Resolution) -> tuple[str, str]:
        """The statement that is run, and how the database runs it; empty without a database."""

    @abstractmethod
    def lacking(self, pipelines: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The videos without a complete result of each of these pipelines, by pipeline."""

    @abstractmethod
    def rows(self, ids: Iterable[str]) -> dict[str, Annotation]:
        """Annotations by id."""

    @abstractmethod
    def places(self, video_ids: Iterable[str]) -> dict[str, VideoPlace]:
        """Paths and lengths of videos by id."""

    @abstractmethod
    def paths(self) -> dict[str, str]:
        """The video id of every path."""

    # What can be asked for.

    @abstractmethod
    def labels(self) -> list[str]:
        """Every label of a sound, as it is stored."""

    @abstractmethod
    def identities(self) -> list[Identity]:
        """Who is who in several videos."""

    @abstractmethod
    def videos_with(self, local_id: str) -> dict[str, set[str]]:
        """The videos in which a track (`person_id`), a face (`face_id`) and a speaker (`speaker_id`) has this
        id.
        """

    @abstractmethod
    def local_ids(self) -> list[str]:
        """Every id of a track, face or speaker."""

    @abstractmethod
    def tracks_of(self, faces: Sized[Member]) -> set[Member]:
        """The tracks that these faces were seen on."""

    @abstractmethod
    def facets(self) -> list[Facet]:
        """Types of rows, labels and persons with how often they come, and results by preset."""
