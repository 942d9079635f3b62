"""`vaengine.query`: asks a store from Python, without Ray."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from schemas.storage.backend import StorageBackend
from vaengine.api.similarity import Likeness
from vaengine.queries.answers import TIMEOUT_S, Answers, answered, collection_of
from vaengine.queries.explain import Explanation, explained
from vaengine.queries.language.builder import Find
from vaengine.queries.language.document import Query
from vaengine.queries.language.parsing import SUFFIXES, query_in, query_of
from vaengine.queries.language.saved import saved
from vaengine.queries.named_people import NamedPeople

Question: TypeAlias = Query | Find | Mapping[str, Any] | str | os.PathLike[str]


def query(
    question: Question,
    *,
    out: str | os.PathLike[str] | None = None,
    db: str | None = None,
    limit: int | None = None,
    page: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Answers:
    """The answers to a question: moments, each with its video, times, score and why.

    `question` is a query that `vaengine.find` began, a mapping or YAML text as in a file, the path of such a
    file, or the name of a saved query. Raises `UsageError` for what is unknown, `NotFound` without a store,
    and `QueryTimeout` where a statement takes longer than `timeout_s`.
    """
    from vaengine.requests.store_location import opened

    with closing(opened(None if out is None else os.fspath(out), db)) as store:
        asked = _plain(question) or saved(store, str(question))
        changes = {name: value for name, value in (("limit", limit), ("page", page)) if value is not None}
        return answers_of(store, asked.model_copy(update=changes), timeout_s)


def answers_of(store: StorageBackend, asked: Query, timeout_s: float = TIMEOUT_S) -> Answers:
    """One page of the answers of a store, in which persons have names and faces are compared."""
    with collection_of(store, timeout_s) as collection:
        return answered(asked, collection, NamedPeople(store), Likeness(store))


def explanation_of(store: StorageBackend, asked: Query, timeout_s: float = TIMEOUT_S) -> Explanation:
    """Why a query finds what it finds in a store."""
    with collection_of(store, timeout_s) as collection:
        return explained(asked, collection, NamedPeople(store), Likeness(store))


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
