"""The query document: what it accepts, what it says of mistakes, and that it reads back as written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.errors import UsageError
from vaengine.queries.language.document import Count, Query
from vaengine.queries.language.parsing import query_in, query_of, schema, to_json, to_yaml

EXAMPLE = """
find: persons:Anna
where:
  - {relation: near, to: "sound:laughter", within_s: 5}
  - not: {count: person, gt: 3}
  - any: [{coverage: [speech, voice], gt: 0.5}, {mean: rms_dbfs, percentile: 75}]
steps:
  - {relation: before, to: {kind: face, region: top-left}, within_s: 10}
"""


def test_a_query_reads_back_as_it_is_written() -> None:
    query = query_of(EXAMPLE)
    assert query_of(to_yaml(query)) == query
    assert query_of(to_json(query)) == query
    assert hash(query_of(EXAMPLE)) == hash(query)


def test_a_query_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        query_of(EXAMPLE).limit = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("person", {"kind": "person"}),
        ("people:Anna", {"kind": "person", "person": "Anna"}),
        ("sounds:Laughter", {"kind": "sound", "label": "Laughter"}),
        ("speech:good morning", {"kind": "speech", "said": "good morning"}),
        ("faces", {"kind": "face"}),
        ("boxes", {"kind": "box"}),
    ],
)
def test_a_selector_may_be_one_text(text: str, means: dict[str, Any]) -> None:
    assert query_of({"find": text}) == query_of({"find": means})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("find: persn", "did you mean 'person'"),
        ("find: person\nwher: []", "wher: it has no such key: did you mean 'where'"),
        ("find: {kind: face, label: x}", "a face has no `label`"),
        ("find: person\nwhere: [{relation: near, to: sound}]", "near needs `within_s`"),
        ("find: person\nwhere: [{relation: during, to: scene, within_s: 1}]", "during has no distance"),
        ("find: person\nwhere: [{x: 1}]", "a condition has one of relation, count"),
        ("find: person\nwhere: [{count: person}]", "give one of gt, ge"),
        ("find: {kind: face, region: nowhere}", "no region is called 'nowhere'"),
        ("find: {kind: face, region: {left: 0.5, right: 0.5}}", "left < right"),
        ("find: {kind: face, region: {name: left, mode: fraction}}", "needs `fraction`"),
        ("find: video\nsteps: [{relation: contains, to: scene}]", "no steps"),
        ("find: person\nwhere: [{relation: during, to: video}]", "in no relation"),
        ("find: person\nlimit: 0", "limit"),
        ("[1, 2]", "a mapping with `find`"),
        ("find: [", "no YAML"),
    ],
)
def test_a_mistake_is_one_line_that_says_where_and_what(document: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("`", "`")) as error:
        query_of(document)
    assert "\n" not in str(error.value)


def test_persons_are_counted_once_each_and_only_where_they_stay() -> None:
    (count,) = query_of("find: scene\nwhere: [{count: person, gt: 3}]").where
    assert isinstance(count, Count)
    assert (count.distinct, count.min_overlap_s, count.count.kind) == ("person", 0.5, "person")


def test_a_file_with_a_mistake_is_named(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    path.write_text("find: persn", encoding="utf-8")
    with pytest.raises(UsageError, match=r"q\.yaml"):
        query_in(path)
    with pytest.raises(UsageError, match="No such file"):
        query_in(tmp_path / "missing.yaml")


def test_the_schema_is_json_schema_and_names_every_part() -> None:
    published = schema()
    assert published["$schema"].startswith("https://json-schema.org/")
    assert set(published["properties"]) == set(Query.model_fields)
    text = json.dumps(published)
    assert all(name in text for name in ("relation", "coverage", "percentile", '"not"', "within_s"))
