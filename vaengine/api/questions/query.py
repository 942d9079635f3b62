"""`vaengine.query`: asks a store from Python, without Ray."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from schemas.storage.backend import StorageBackend
from vaengine.api.questions.similarity import Likeness
from vaengine.queries.answers import TIMEOUT_S, Answers, answered, collection_of
from vaengine.queries.explain import Explanation, explained, query_text
from vaengine.queries.language.builder import Find
from vaengine.queries.language.document import Query
from vaengine.queries.language.parsing import SUFFIXES, query_in, query_of
from vaengine.queries.language.saved import saved
from vaengine.queries.match import Match
from vaengine.queries.named_people import NamedPeople
from vaengine.requests.store_location import opened

if TYPE_CHECKING:
    from vaengine.rendering.matches.match_clips import WrittenClips

ALL_AT_ONCE: Final = 1_000  # answers of a page, where all of them are wanted


@dataclass(frozen=True, slots=True)
class Moments(Answers):
    """The answers of a store, each a `Match`; they can be cut out and drawn, for which the store is opened
    again, for reading.
    """

    store_url: str = field(default="", repr=False)  # with its password
    title: str = ""

    def clips(
        self, folder: str | os.PathLike[str], *, pad_s: float = 1.0, with_sound: bool = True
    ) -> WrittenClips:
        """Cut each match out as a video file, `pad_s` seconds longer at both ends; see `write_clips`."""
        from vaengine.rendering.matches.match_clips import write_clips

        with closing(opened(None, self.store_url)) as store:
            return write_clips(store, self.matches, Path(folder), pad_s=pad_s, with_sound=with_sound)

    def sheet(self, file: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Draw a contact sheet of the matches, a PNG; see `write_contact_sheet`."""
        from vaengine.rendering.matches.contact_sheet import write_contact_sheet

        with closing(opened(None, self.store_url)) as store:
            shown = self.title if title is None else title
            return write_contact_sheet(store, self.matches, Path(file), title=shown)

    def page(self, file: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Write a page of the matches, one HTML file for a browser; see `write_match_page`."""
        from vaengine.rendering.matches.match_page import write_match_page

        with closing(opened(None, self.store_url)) as store:
            shown = self.title if title is None else title
            return write_match_page(store, self.matches, Path(file), title=shown, notes=self.remarks)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader has to know of the answers: videos that were not asked, and how exact they are."""
        return tuple(line for line in (self.analysed.line, *self.notes) if line)


Question: TypeAlias = Query | Find | Mapping[str, Any] | str | os.PathLike[str]


def query(
    question: Question,
    *,
    out: str | os.PathLike[str] | None = None,
    db: str | None = None,
    limit: int | None = None,
    page: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Moments:
    """The answers to a question: moments, each with its video, times, score and why.

    `question` is a query that `vaengine.find` began, a mapping or YAML text as in a file, the path of such a
    file, or the name of a saved query. Raises `UsageError` for what is unknown, `NotFound` without a store,
    and `QueryTimeout` where a statement takes longer than `timeout_s`.
    """
    with closing(opened(None if out is None else os.fspath(out), db)) as store:
        asked = asked_of(store, question)
        changes = {name: value for name, value in (("limit", limit), ("page", page)) if value is not None}
        return answers_of(store, asked.model_copy(update=changes), timeout_s)


def asked_of(store: StorageBackend, question: Question) -> Query:
    """The query that a question is; raises `UsageError`, and `NotFound` for a name that is not saved."""
    return _plain(question) or saved(store, str(question))


def every_answer(store: StorageBackend, asked: Query, timeout_s: float = TIMEOUT_S) -> tuple[Match, ...]:
    """The answers of all pages, whatever the limit of the query."""
    found: list[Match] = []
    page: str | None = asked.page
    while True:
        own = answers_of(store, asked.model_copy(update={"page": page, "limit": ALL_AT_ONCE}), timeout_s)
        found.extend(own.matches)
        page = own.next_page
        if page is None:
            return tuple(found)


def answers_of(
    store: StorageBackend, asked: Query, timeout_s: float = TIMEOUT_S, *, title: str | None = None
) -> Moments:
    """One page of the answers of a store, in which persons have names and faces are compared."""
    with collection_of(store, timeout_s, asked.source) as collection:
        found = answered(asked, collection, NamedPeople(store, asked.source), Likeness(store))
    facts = (found.matches, found.query, found.analysed, found.notes, found.next_page)
    return Moments(*facts, store.connection_url, query_text(asked) if title is None else title)


def explanation_of(store: StorageBackend, asked: Query, timeout_s: float = TIMEOUT_S) -> Explanation:
    """Why a query finds what it finds in a store."""
    with collection_of(store, timeout_s, asked.source) as collection:
        return explained(asked, collection, NamedPeople(store, asked.source), Likeness(store))


def _plain(question: Question) -> Query | None:
    """The query of a question; None for what can only be the name of a saved one."""
    if isinstance(question, Find):
        return question.query
    if isinstance(question, Query | Mapping):
        return query_of(question)
    text = os.fspath(question)
    if isinstance(question, os.PathLike) or text.endswith(SUFFIXES):
        return query_in(Path(text))
    return query_of(text) if ":" in text else None
