"""Which references to persons go with what is removed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from actors.stores.backend.transaction import Transaction
from actors.stores.rules.erasure import PersonErasure
from actors.stores.rules.people import PeopleErasure, references_of_videos
from actors.stores.rules.person_matching import candidates_of, found_again
from schemas.pipelines import of_machine
from schemas.storage.people import PersonReference


def people_of_videos(tx: Transaction, video_ids: Collection[str]) -> PeopleErasure:
    """All references to these videos."""
    log = tx.people.log()
    if not log.references:
        return PeopleErasure()
    fingerprints = set(tx.videos.fingerprints(video_ids).values())
    return PeopleErasure.of(log, references_of_videos(log, set(video_ids), fingerprints))


def people_of_erasures(
    tx: Transaction, erasures: Sequence[PersonErasure], person_ids: Iterable[str]
) -> PeopleErasure:
    """The references to whom is erased, also where they were made of another result, and these persons."""
    log = tx.people.log()
    if not log.references:
        return PeopleErasure()
    fingerprints = tx.videos.fingerprints({erasure.video_id for erasure in erasures})
    gone = {
        reference_id
        for erasure in erasures
        for reference_id in references_of_videos(
            log, {erasure.video_id}, {fingerprints.get(erasure.video_id, "")}
        )
        if _is_erased(tx, log.references[reference_id], erasure)
    }
    return PeopleErasure.of(log, gone, person_ids)


def _is_erased(tx: Transaction, reference: PersonReference, erasure: PersonErasure) -> bool:
    """Whether a reference is to a label that is erased: by its id, or by where that label was."""
    for key, labels in erasure.labels.items():
        own = {name for column, name in labels if column == f"{reference.kind}_id"}
        if of_machine(key.pipeline) != reference.pipeline or not own:
            continue
        if key.config_hash == reference.config_hash and reference.label in own:
            return True
        embeddings = tx.results.embeddings(key) if reference.vector else None
        candidates = candidates_of(tx.removal.rows_of(key), reference.kind, embeddings)
        if own.intersection(found_again(reference, candidates).labels):
            return True
    return (reference.label, reference.config_hash) in erasure.faces
