"""What can be asked of a store: kinds of rows, labels, persons, and what made the results."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from schemas.pipelines import short_name_of
from schemas.work.current_result import complete_results
from schemas.work.provenance import info_of, provenance_of
from vaengine.console.output import Table
from vaengine.queries.answers import collection_of
from vaengine.queries.collection import Facet
from vaengine.queries.language.kinds import KINDS
from vaengine.queries.resolve import People

if TYPE_CHECKING:
    from schemas.storage.backend import StorageBackend

ORDER: Final = ("kind", "sound", "behavior", "person", "identity", "preset")
_KIND_NAMES: Final = {kind.annotation_type: kind.name for kind in KINDS.values()}


def facets_of(store: StorageBackend, people: People | None = None) -> list[Facet]:
    """Every value that can be asked for, those with most rows first."""
    with collection_of(store) as collection:
        found = [_named(facet) for facet in collection.facets()]
    found += [*_presets(store), *(_persons(people) if people else ())]
    return sorted(found, key=lambda facet: (ORDER.index(facet.facet), -facet.rows, facet.value))


def _named(facet: Facet) -> Facet:
    """Types of rows under the names that a query has for them."""
    if facet.facet != "type":
        return facet
    return Facet("kind", _KIND_NAMES.get(facet.value, facet.value), facet.rows, facet.videos)


def _presets(store: StorageBackend) -> list[Facet]:
    videos: dict[str, set[str]] = defaultdict(set)
    for (video_id, pipeline), (job, _) in complete_results(store.jobs()).items():
        made = provenance_of(pipeline, info_of(job, pipeline))
        videos[f"{short_name_of(pipeline)} by {made.get('preset', 'hand')}"].add(video_id)
    return [Facet("preset", name, len(ids), len(ids)) for name, ids in videos.items()]


def _persons(people: People) -> list[Facet]:
    found = []
    for name in people.names():
        person = people.resolve(name)
        if person is not None:
            members = person.tracks | person.faces | person.speakers
            found.append(Facet("person", name, len(members), len({video for video, _ in members})))
    return found


def facet_table(facets: list[Facet]) -> Table:
    """A line for each value."""
    rows = ((facet.facet, facet.value, f"{facet.rows:,}", f"{facet.videos:,}") for facet in facets)
    return Table(("facet", "value", "rows", "videos"), tuple(rows))
