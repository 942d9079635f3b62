"""The page of benchmarks has what is kept, and a round of few rivals hides nothing."""

from __future__ import annotations

import json
from pathlib import Path

from bench.__main__ import CASES
from bench.cases import rivals
from bench.harness import report, results


def test_the_page_of_benchmarks_is_what_the_report_makes_of_the_kept_results(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(report.PAGE.read_text())
    report.write_report(CASES, page)
    assert page.read_text() == report.PAGE.read_text()
    chart = rivals.PICTURE
    assert (tmp_path / chart).read_bytes() == (report.PAGE.parent / chart).read_bytes()
    assert f"]({chart})" in page.read_text()


def test_every_kept_result_of_a_comparison_has_its_table_and_machine() -> None:
    for name, part in rivals.REPORTED_PARTS.items():
        shown = results.newest_of_each(f"rivals_{name}")
        texts = [part.described(result["measured"]) for result in shown]
        assert all("| vaengine | " in text for text in texts)
        assert all(result["machine"]["taken_at"] in report.measured_on(result["machine"]) for result in shown)
        assert texts


def test_a_round_of_few_rivals_does_not_hide_what_is_known_of_others(tmp_path: Path) -> None:
    for day, names in ((1, "abc"), (2, "bd"), (3, "ab")):
        told = {"measured": {"times": dict.fromkeys(names, 1.0)}}
        (tmp_path / f"rivals_x-2026010{day}T000000Z.json").write_text(json.dumps(told))
    shown = results.newest_of_each("rivals_x", tmp_path)
    assert ["".join(result["measured"]["times"]) for result in shown] == ["ab", "bd", "abc"]


def test_of_a_part_without_rivals_the_newest_result_is_shown(tmp_path: Path) -> None:
    for day in (1, 2):
        (tmp_path / f"scale_x-2026010{day}T000000Z.json").write_text(json.dumps({"measured": {"day": day}}))
    assert results.newest_of_each("scale_x", tmp_path) == [{"measured": {"day": 2}}]
