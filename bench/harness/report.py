"""Writes the measured part of docs/benchmarks.md from stored results; other text of the page stays."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.harness.results import newest

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN = "<!-- measured: begin (python -m bench report) -->"
END = "<!-- measured: end -->"


def write_report(cases: Sequence[str], page: Path = PAGE) -> Path:
    """Write the newest result of each case between the marks of the page; returns the page.

    Raises `ValueError` if the marks are missing.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the marks {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{measured_part(cases)}\n{END}{after}", encoding="utf-8")
    return page


def measured_part(cases: Sequence[str]) -> str:
    """The sections of all cases that have a result."""
    results = [(case, result) for case in cases if (result := newest(case)) is not None]
    return "\n".join(section(case, result) for case, result in results)


def section(case: str, result: Mapping[str, Any]) -> str:
    """The section of a case: its title, its tables, and the machine."""
    module = importlib.import_module(f"bench.cases.{case}")
    return (
        f"## {module.TITLE}\n\n{module.described(result['measured'])}\n\n{measured_on(result['machine'])}\n"
    )


def measured_on(facts: Mapping[str, Any]) -> str:
    """A line about the machine."""
    load = facts["load_average"][0]
    return (
        f"*{facts['taken_at']} UTC; {facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, "
        f"load average {load} at the"
        f" start; Python {facts['python']}, Ray {facts['packages']['ray']}; commit {facts['commit']}.*"
    )


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(times: Mapping[str, Any], digits: int = 2) -> tuple[str, str, str]:
    """The minimum, median and maximum of times as cells of a table."""
    minimum, median, maximum = (f"{times[name]:.{digits}f}" for name in ("min", "median", "max"))
    return minimum, median, maximum
