"""Where the references of all persons are in the current results, and who has which label by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from actors.stores.rules.people import People
from actors.stores.rules.person_matching import Found, found_again
from schemas.storage.people import PeopleLog, PersonReference
from vaengine.people.stored_labels import LabelIn, StoredLabels

How = Literal["named", "found", "identity", "linked"]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A reference that is to nobody in the current results of this store, and why."""

    reference: PersonReference
    reason: str

    def __str__(self) -> str:
        return f"{self.reference}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A reference of a person that was found under a label; how well it fits, 0 to 1."""

    person_id: str
    reference_id: str
    label: LabelIn
    agreement: float
    how: How

    @property
    def strength(self) -> tuple[bool, float]:
        """Of several claims on a label the strongest counts: that of this very result, else the best fit."""
        return self.how == "named", self.agreement


class Claims:
    """All claims of references; `video_ids` are those of each fingerprint in this store."""

    def __init__(
        self,
        log: PeopleLog,
        people: People,
        labels: StoredLabels,
        video_ids: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._log, self._people, self._labels, self._video_ids = log, people, labels, video_ids

    @cached_property
    def _all(self) -> list[Claim]:
        return [
            Claim(person.person_id, reference_id, (video_id, label), found.agreement, how)
            for person in self._people.persons.values()
            for reference_id in person.references
            for video_id in self._video_ids.get(self._log.references[reference_id].fingerprint, ())
            for how, found in [self._found(self._log.references[reference_id], video_id)]
            for label in found.labels
        ]

    def _found(self, reference: PersonReference, video_id: str) -> tuple[How, Found]:
        """Where a reference is in a video; compared only where the result is not the one it was made of."""
        result = self._labels.result(video_id, reference.pipeline)
        if result is None:
            return "found", Found(reason=f"{reference.pipeline} is not complete for this video")
        is_same = (result.config_hash, result.digest) == (reference.config_hash, reference.digest)
        if is_same and result.digest:
            return "named", Found((reference.label,), 1.0)
        return "found", found_again(reference, self._labels.candidates(video_id, reference.kind))

    @cached_property
    def by_label(self) -> Mapping[LabelIn, Claim]:
        """The strongest claim on each label; the first person's of equal ones."""
        strongest: dict[LabelIn, Claim] = {}
        for claim in self._all:
            if claim.label not in strongest or claim.strength > strongest[claim.label].strength:
                strongest[claim.label] = claim
        return strongest

    @cached_property
    def _of_reference(self) -> Mapping[str, list[LabelIn]]:
        """The labels under which each reference is found."""
        labels: defaultdict[str, list[LabelIn]] = defaultdict(list)
        for claim in self._all:
            labels[claim.reference_id].append(claim.label)
        return labels

    @cached_property
    def of_person(self) -> Mapping[str, dict[LabelIn, How]]:
        """The labels of each person by references, with how each is known."""
        labels: defaultdict[str, dict[LabelIn, How]] = defaultdict(dict)
        for label, claim in self.by_label.items():
            labels[claim.person_id][label] = claim.how
        return labels

    def references_under(self, reference_ids: Iterable[str], labels: Iterable[LabelIn]) -> list[str]:
        """Those of these references that are found under these labels alone."""
        wanted, places = set(labels), self._of_reference
        return [one for one in reference_ids if places.get(one) and wanted.issuperset(places[one])]

    def unmatched(self, person_id: str) -> tuple[Unmatched, ...]:
        """The references of a person that have no label."""
        reasons = (
            (one, self._why_unmatched(person_id, one)) for one in self._people.persons[person_id].references
        )
        return tuple(Unmatched(self._log.references[one], reason) for one, reason in reasons if reason)

    def _why_unmatched(self, person_id: str, reference_id: str) -> str:
        """Why a reference has no label; empty where it has one in any video with its content."""
        reference = self._log.references[reference_id]
        video_ids = self._video_ids.get(reference.fingerprint, ())
        if not video_ids:
            return "the video is not in this store"
        labels = self._of_reference.get(reference_id, [])
        if any(self.by_label[label].person_id == person_id for label in labels):
            return ""
        if labels:
            holder = self._people.persons[self.by_label[labels[0]].person_id]
            return f"{labels[0][1]} is {holder.shown_name} there now"
        return self._found(reference, video_ids[0])[1].reason
