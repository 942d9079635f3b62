"""Writes the measured part of docs/benchmarks.md from stored results; other text of the page stays."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.harness.results import newest, newest_of_each

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN = "<!-- measured: begin (python -m bench report) -->"
END = "<!-- measured: end -->"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a case whose results are kept as `CASE_PART`: its title, and its text of what was measured.

    A module of such a case has them by name as `REPORTED_PARTS`, and what is said before them as `ABOUT`.
    """

    title: str
    described: Callable[[Mapping[str, Any]], str]


def write_report(cases: Sequence[str], page: Path = PAGE) -> Path:
    """Write the newest results of each case between the marks of the page, and their pictures beside it.

    Returns the page. Raises `ValueError` if the marks are missing.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the marks {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{measured_part(cases)}\n{END}{after}", encoding="utf-8")
    for case in cases:
        module = importlib.import_module(f"bench.cases.{case}")
        if hasattr(module, "write_picture"):
            module.write_picture(results_of(case, module.REPORTED_PARTS), page.parent)
    return page


def measured_part(cases: Sequence[str]) -> str:
    """The sections of all cases that have a result."""
    return "\n".join(text for case in cases if (text := section(case)))


def section(case: str) -> str:
    """The section of a case: its title, its tables, and the machine; nothing without a result."""
    module = importlib.import_module(f"bench.cases.{case}")
    if hasattr(module, "REPORTED_PARTS"):
        texts = list(_part_texts(module.REPORTED_PARTS, results_of(case, module.REPORTED_PARTS)))
        return "\n\n".join([f"## {module.TITLE}", module.ABOUT, *texts]) + "\n" if texts else ""
    result = newest(case)
    return f"## {module.TITLE}\n\n{_text(module.described, result)}\n" if result else ""


def results_of(case: str, parts: Mapping[str, Part]) -> dict[str, list[dict[str, Any]]]:
    """What the report has of each part of a case that has a result, latest first."""
    return {name: results for name in parts if (results := newest_of_each(f"{case}_{name}"))}


def _part_texts(
    parts: Mapping[str, Part], results: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Iterator[str]:
    for name, own in results.items():
        yield f"### {parts[name].title}"
        yield from (_text(parts[name].described, result) for result in own)


def _text(described: Callable[[Mapping[str, Any]], str], result: Mapping[str, Any]) -> str:
    return f"{described(result['measured'])}\n\n{measured_on(result['machine'])}"


def measured_on(facts: Mapping[str, Any]) -> str:
    """A line about the machine."""
    load = facts["load_average"]  # a text where a result was put together from several runs
    at_start = load if isinstance(load, str) else f"{load[0]} at the start"
    return (
        f"*{facts['taken_at']} UTC; {facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, "
        f"load average {at_start}"
        f"; Python {facts['python']}, Ray {facts['packages']['ray']}; commit {facts['commit']}.*"
    )


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(times: Mapping[str, Any], digits: int = 2) -> tuple[str, str, str]:
    """The minimum, median and maximum of times as cells of a table."""
    minimum, median, maximum = (f"{times[name]:.{digits}f}" for name in ("min", "median", "max"))
    return minimum, median, maximum
