"""The collection that queries are measured on, and the table of what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.cases.query import _filled, described
from bench.cases.query_kinds import KINDS, Setting
from bench.fixtures import asked_collection
from bench.rivals.handwritten_sql import NEAR, PAIRS, QUADRANT, SCENES, Statement, said_by_hand
from schemas.annotations.words import words_of


def test_a_video_has_five_thousand_rows_each_with_an_id_of_its_own() -> None:
    results = asked_collection._results("clip0000001", np.random.default_rng(1)).values()
    ids = [row.annotation_id for rows, _ in results for row in rows]
    assert len(ids) == len(set(ids)) == asked_collection.ROWS


def test_a_word_of_the_vocabulary_is_one_word_of_letters_and_no_other_one() -> None:
    words = [asked_collection.word(rank) for rank in range(asked_collection.VOCABULARY)]
    assert len(set(words)) == len(words)
    assert all(words_of(word) == (word,) and word.isalpha() for word in words)


def test_every_kind_is_a_line_of_the_table_for_each_store() -> None:
    figures = dict.fromkeys(("first_ms", "median_ms", "p95_ms", "by_hand_ms", "ratio", "duckdb_ms"), 1.25) | {
        "found": 3
    }
    kinds = {kind.name: figures for kind in KINDS}
    measured = {
        "rows": 1_000_000,
        "vectors": 100_000,
        "aims_ms": {kind.name: kind.aim_ms for kind in KINDS},
        "stores": {"sqlite": kinds, "postgresql": kinds},
    }
    lines = described(measured).splitlines()
    assert len([line for line in lines if line.startswith("|")]) == 2 + 2 * len(KINDS)
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "duckdb"])
@pytest.mark.parametrize("statement", [NEAR, PAIRS, QUADRANT, SCENES, said_by_hand("a", " a ")])
def test_every_statement_is_written_for_each_database(statement: Statement, dialect: str) -> None:
    sql, values = statement(dialect)
    assert "{" not in sql
    assert all(f":{name}" in sql for name in values)


@pytest.mark.long
def test_every_kind_finds_what_its_rival_by_hand_finds(tmp_path: Path) -> None:
    with _filled(f"sqlite:///{tmp_path}/asked.db", 3 * asked_collection.ROWS) as store:
        setting = Setting(store, tmp_path / "cache")
        found = {kind.name: (kind.answer(setting), kind.by_hand(setting)) for kind in KINDS}
    assert all(answer == by_hand for answer, by_hand in found.values())
    assert any(answer for answer, _ in found.values())
