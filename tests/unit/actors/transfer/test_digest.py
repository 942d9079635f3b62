"""Digests that do not depend on order or spelling, what a store would change of a row, and what a move
comes to in words.
"""

from __future__ import annotations

import json
import pickle
import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.stores.sql.statements.postgres_json import json_text
from actors.transfer.copy_unit import new_epochs, step_for
from actors.transfer.digest import SectionDigest, normalized, section_digest
from actors.transfer.lossy_values import LossyValue, ValueChecker
from actors.transfer.unit import LAYOUTS, Unit
from schemas.errors import Unfit, UsageError
from vaengine.maintenance import migration_report
from vaengine.maintenance.migration import Comparison, Migration, on_invalid

META = LAYOUTS["meta"].names
values = st.one_of(
    st.none(), st.text(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary()
)
some_rows = st.lists(st.tuples(values, values), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]))
some_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(rows=some_rows, seed=st.integers())
def test_a_digest_does_not_depend_on_the_order_of_rows(rows, seed):
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert section_digest("meta", shuffled) == section_digest("meta", rows)


@given(rows=some_rows, other=some_rows)
def test_digests_of_parts_make_the_digest_of_the_whole(rows, other):
    assert SectionDigest.together(
        [section_digest("meta", rows), section_digest("meta", other)]
    ) == section_digest("meta", [*rows, *other])


@given(rows=some_rows.filter(bool), at=st.integers(0), new=values)
def test_a_changed_value_changes_the_digest(rows, at, new):
    row = rows[at % len(rows)]
    changed = [*rows[: at % len(rows)], (row[0], new), *rows[at % len(rows) + 1 :]]
    same = type(row[1]) is type(new) and repr(row[1]) == repr(new)
    assert (section_digest("meta", changed) == section_digest("meta", rows)) is same


@given(value=some_json)
def test_the_spelling_of_json_does_not_matter_but_its_values_do(value):
    text = json.dumps(value)
    assert normalized(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)) == normalized(text)
    assert json.dumps(json.loads(normalized(text)), sort_keys=True) == json.dumps(value, sort_keys=True)


def digest_of(text):
    """The digest of an annotation with this JSON."""
    return section_digest("annotations", [annotation(data=text)])


@given(value=some_json, other=some_json)
def test_the_digest_of_json_is_of_what_it_says(value, other):
    text, another = (json.dumps(one, sort_keys=True) for one in (value, other))
    assert digest_of(json.dumps(value, indent=2, ensure_ascii=False)) == digest_of(text)
    assert (digest_of(another) == digest_of(text)) is (another == text)


BEYOND = {  # what MessagePack has not, and what must not be taken for it
    '{"b": NaN, "a": "\\ud800"}': '{"b": NaN, "a": "\\ud801"}',
    '["\\udc80", 18446744073709551616]': '["\\udc80", 18446744073709551617]',
    "1" + 30 * "0": "2" + 30 * "0",
    "[Infinity]": "[-Infinity]",
    "[NaN]": "[null]",
}


@pytest.mark.parametrize(("one", "other"), BEYOND.items())
def test_what_messagepack_has_not_has_a_digest_all_the_same(one, other):
    assert digest_of(json.dumps(json.loads(one), indent=1, sort_keys=True)) == digest_of(one)
    assert digest_of(other) != digest_of(one)


def test_values_that_messagepack_has_not_are_told_apart():
    assert section_digest("meta", [("\udc80", 2**70)]) != section_digest("meta", [("\udc81", 2**70)])


def test_no_json_is_not_json_null():
    assert section_digest("annotations", [annotation(data=None)]) != digest_of("null")


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"b": "\\ud800", "a": -Infinity}', "1e400"])
def test_what_python_alone_takes_for_json_is_not_taken_for_something_else(text):
    """msgspec would write a NaN as null."""
    assert repr(json.loads(normalized(text))) == repr(
        json.loads(json.dumps(json.loads(text), sort_keys=True))
    )
    assert normalized(text) != normalized("null")


def test_one_and_one_point_nothing_are_not_the_same():
    assert section_digest("meta", [("a", 1)]) != section_digest("meta", [("a", 1.0)])
    assert normalized('{"a": {}}') != normalized('{"a": []}')


def test_what_is_no_json_has_no_digest():
    for text in ("", "{} {}", "{'a': 1}", "nothing"):
        with pytest.raises(ValueError, match=r"Expecting|Extra data"):
            normalized(text)


USUAL = {
    "annotation_id": "00000000-0000-0000-0000-000000000000",
    "annotation_type": "speech",
    "data": "{}",
    "video_id": "v",
}


def annotation(**told):
    """A row of annotations, by column."""
    return tuple((USUAL | told).get(name) for name in LAYOUTS["annotations"].names)


def as_jsonb_keeps(token):
    """A number with a fraction or an exponent after PostgreSQL wrote it out as a decimal, which has no
    negative zero.
    """
    number = Decimal(token)
    return json.loads(f"{abs(number) if number == 0 else number:f}")


@given(value=st.dictionaries(texts, some_json, max_size=3))
def test_json_without_lossy_values_reads_the_same_from_jsonb(value):
    text = json.dumps(value)
    if not ValueChecker("annotations", "postgresql").lossy_values(annotation(data=text)):
        assert repr(json.loads(json_text(text), parse_float=as_jsonb_keeps)) == repr(value)
        assert "\\u0000" not in text


@pytest.mark.parametrize(("destination", "reasons"), [("postgresql", 1), ("sqlite", 0), ("files", 0)])
def test_only_postgresql_minds_a_nul(destination, reasons):
    assert len(ValueChecker("annotations", destination).lossy_values(annotation(person_id="a\0b"))) == reasons


@pytest.mark.parametrize("destination", ["postgresql", "sqlite", "files"])
@pytest.mark.parametrize(
    "bad", [{"confidence": float("nan")}, {"person_id": "\udc80"}, {"frame_number": 2**63}]
)
def test_what_no_store_keeps_is_lossy_everywhere(destination, bad):
    (found,) = ValueChecker("annotations", destination).lossy_values(annotation(**bad))
    assert found.column in bad
    assert str(found).startswith(f"annotations.{found.column} of ")


@pytest.mark.parametrize(
    ("wanted", "noted", "there", "step", "no_results"),
    [
        (2, 1, 1, "move", "move"),  # the source alone has changed
        (2, 1, 2, "note", "note"),  # both have come to the same
        (2, 0, 2, "note", "note"),  # it was there before anything was moved
        (2, 1, 3, "refuse", "keep"),  # both have changed
        (2, 0, 3, "refuse", "keep"),  # never moved, and another one
    ],
)
def test_what_the_destination_has_changed_is_never_overwritten(wanted, noted, there, step, no_results):
    digests = [{}, *({"jobs": SectionDigest(1, f"{n:064x}")} for n in (1, 2, 3))]
    told = digests[wanted], digests[noted], digests[there]
    assert step_for("video", *told) == step
    assert {step_for(kind, *told) for kind in ("batch", "setting", "identities")} == {no_results}


def test_a_path_that_leads_to_another_video_meanwhile_is_no_change_of_the_first():
    one, other = (
        {"jobs": SectionDigest(1, "a"), "video_paths": SectionDigest(1, digest)} for digest in ("b", "c")
    )
    assert (
        step_for("video", {"jobs": SectionDigest(2, "d"), "video_paths": SectionDigest(1, "b")}, one, other)
        == "move"
    )


@given(st.sets(st.integers(1, 20), min_size=1).map(sorted), st.sets(st.integers(1, 20)))
def test_runs_keep_their_numbers_unless_another_batch_has_one_and_never_share_any(own, others):
    kept = new_epochs(own, others & {*own}, max(others, default=0))
    assert len(kept) == len(own)
    assert kept == sorted(set(kept) - others)
    assert others & {*own} or kept == own


LOSSY = LossyValue("annotations", "'a'", "data", "a NUL character in JSON")


def test_a_move_is_told_with_what_was_left_out():
    steps = {"moved": 2, "kept": 1, "refused": 1, "quarantined": 1}
    told = {"kept": ("identities",), "refused": ("video w",), "quarantined": {"video v": (LOSSY,)}}
    found = Migration("a", "b", steps, 7, **told, source_in_use=True)
    assert list(migration_report.migration_lines(found)) == [
        "a -> b",
        "2 units moved",
        "1 unit there already and different, left as it is",
        "1 unit there already with other results, not moved",
        "1 unit left out",
        "7 rows written, each read back and equal",
        "left out: annotations.data of 'a': a NUL character in JSON",
        "stays as it is in the destination: identities",
        "not moved: video w, of which the destination has results of its own",
        "where a is right, `vaengine migrate a b --overwrite-differing` moves them again",
        "where those of a are not wanted, `vaengine db forget` them there; where both are, move elsewhere",
        "a run was at work on the source: give the same command again when it has ended, it moves what is "
        "new",
    ]
    assert migration_report.migration_code(found) == 4
    assert json.dumps(migration_report.migration_event(found))


def test_what_was_overwritten_is_named():
    found = Migration("a", "b", {"overwritten": 1, "unchanged": 2}, 3, overwritten=("video v",))
    assert list(migration_report.migration_lines(found)) == [
        "a -> b",
        "1 unit there already and different, overwritten",
        "2 units there already, unchanged since",
        "3 rows written, each read back and equal",
        "overwritten: video v, which the destination had otherwise",
    ]
    assert migration_report.migration_event(found)["overwritten"] == ("video v",)
    assert migration_report.migration_code(found) == 0


@pytest.mark.parametrize(
    ("lacking", "beyond", "removed", "told"),
    [
        (
            1,
            0,
            0,
            "where files:a b is right, `vaengine migrate 'files:a b' c --overwrite-differing` moves again "
            "what differs",
        ),
        (1, 2, 0, "moves again what differs; 2 units that only c has would stay"),
        (3, 0, 2, "moves again what differs; 2 units removed from c would not return"),
        (
            2,
            0,
            2,
            "what c lacks was removed there: `vaengine db forget` it in files:a b too, or move that into a "
            "new store",
        ),
        (0, 2, 0, "c has all that files:a b has, and more: `vaengine migrate c 'files:a b'` moves the rest"),
        (0, 0, 0, "`vaengine db check` looks for what is wrong in each"),
    ],
)
def test_the_last_line_of_a_comparison_names_the_command_that_mends_it(lacking, beyond, removed, told):
    counts = {"lacking": lacking, "beyond": beyond, "removed": removed}
    found = Comparison("files:a b", "c", 3, {}, lacking + beyond, (), otherwise=("most_alike",), **counts)
    (*_, last) = migration_report.comparison_lines(found)
    assert last.endswith(told)
    assert migration_report.comparison_event(found)["mending"] == last


def test_a_comparison_is_told_and_kept(tmp_path):
    found = Comparison("a", "b", 3, {"jobs": SectionDigest(1, "0" * 64)}, 0, ())
    assert list(migration_report.comparison_lines(found)) == ["equal: a and b, 3 units"]
    migration_report.write(migration_report.comparison_event(found), tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_bytes())["equal"] is True


def test_what_cannot_be_moved_is_one_line_that_travels():
    error = pickle.loads(pickle.dumps(Unfit("video v", "postgresql://h/d", str(LOSSY))))
    assert str(error).startswith(
        "video v cannot be moved to postgresql://h/d unchanged: annotations.data of 'a': a NUL character"
    )
    assert "--on-invalid quarantine" in str(error)


def test_an_unknown_choice_is_refused():
    with pytest.raises(UsageError, match="--on-invalid is fail or quarantine, not 'skip'"):
        on_invalid("skip")


def test_units_are_named_by_what_they_are():
    assert [str(Unit("video", "v")), str(Unit("identities", ""))] == ["video v", "identities"]
