"""Queries that a store keeps by name."""

from __future__ import annotations

import difflib
import re
from typing import Final

from schemas.errors import NotFound, UsageError
from schemas.storage.backend import QueryStore
from vaengine.queries.language.document import Query
from vaengine.queries.language.kinds import KINDS, MIN_NAME_SIMILARITY, kind_named
from vaengine.queries.language.parsing import SUFFIXES, query_of, to_json

_NAME: Final = re.compile(r"[\w][\w -]*")


def save(store: QueryStore, name: str, query: Query) -> None:
    """Keep a query under a name, in place of one that has it; raises `UsageError` for an impossible name."""
    if _NAME.fullmatch(name) is None or name.endswith(SUFFIXES):
        raise UsageError(f"a query cannot be called {name!r}: take letters, digits, -, _ and blanks")
    if _is_kind(name):
        raise UsageError(f"{name!r} is a kind of thing that is found: take another name")
    store.save_query(name, to_json(query.model_copy(update={"page": None})))


def saved(store: QueryStore, name: str) -> Query:
    """The query of a name; raises `NotFound` with the nearest name."""
    known = store.saved_queries()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, MIN_NAME_SIMILARITY)
        hint = f": did you mean {near[0]}?" if near else ""
        raise NotFound(f"saved query {name!r}", f"{store.url}{hint}")
    return query_of(known[name])


def require_kind_or_name(store: QueryStore, word: str) -> None:
    """Raises `UsageError`, with what there is, for a word that is neither a kind nor a saved query."""
    known = store.saved_queries()
    if word in known or _is_kind(word):
        return
    near = difflib.get_close_matches(word.strip().lower(), [*KINDS, *known], 1, MIN_NAME_SIMILARITY)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(
        f"{word!r} is neither a kind of thing to find nor a query saved in {store.url}: {hint}"
        f"Kinds are {', '.join(KINDS)}; saved are {', '.join(known) or 'none'}; a file ends in .yaml or .json"
    )


def _is_kind(name: str) -> bool:
    try:
        kind_named(name)
    except UsageError:
        return False
    return True
