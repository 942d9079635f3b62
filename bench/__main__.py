"""`python -m bench CASE` measures, stores and prints a result; `python -m bench report` writes the tables."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

VISION_CASES = ("startup", "overhead", "detection", "tracking", "persons", "decode")
CASES = (
    *VISION_CASES,
    *(
        "faces",
        "voice",
        "speech",
        "coordinator",
        "store",
        "query",
        "export",
        "chaos",
        "memory",
        "growth",
        "scale",
        "serve",
        "full",
        "rivals",
        "pages",
    ),
)
CASES_WITH_SETTINGS = ("tracking", "persons")
CASES_WITH_ROWS = ("store", "query", "export")
CASES_WITH_QUICK = (
    "startup",
    "store",
    "query",
    "export",
    "chaos",
    "memory",
    "growth",
    "scale",
    "serve",
    "full",
    "rivals",
    "pages",
)  # cases with a version of a few minutes


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of the command line, checked; an error ends the process."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("case", choices=[*CASES, "report"])
    parser.add_argument("--rounds", type=int, default=3, help="how often each thing is measured, in turns")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"for {', '.join(CASES_WITH_SETTINGS)}",
    )
    parser.add_argument("--discard", action="store_true", help="print the result only, keep no file")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"a smaller version, for {', '.join(CASES_WITH_QUICK)}; no file is kept",
    )
    parser.add_argument(
        "--rows",
        type=int,
        help="of the collection of `store`, `query` or `export`, not a million; kept under a name of its own",
    )
    options = parser.parse_args(arguments)
    if options.quick and options.case not in CASES_WITH_QUICK:
        parser.error(f"{options.case} has no quick version")
    if options.rows is not None:
        from bench.fixtures.collection import ROWS

        if options.case not in CASES_WITH_ROWS or options.rows < ROWS:
            parser.error(f"--rows is for {' and '.join(CASES_WITH_ROWS)}, {ROWS:,} and more")
    if options.settings and options.case not in CASES_WITH_SETTINGS:
        parser.error(f"{options.case} takes no settings")
    return options


def main() -> int:
    """Measure a case or write the report; returns the exit code."""
    options = parse_arguments()
    if options.case == "report":
        from bench.harness.report import write_report

        print(write_report(CASES))
        return 0
    from bench.harness.machine import machine_facts, set_environment
    from bench.harness.results import keep

    set_environment()
    facts = machine_facts()
    settings = [options.settings] if options.case in CASES_WITH_SETTINGS else []
    extent = ({"quick": True} if options.quick else {}) | ({"rows": options.rows} if options.rows else {})
    case_module = importlib.import_module(f"bench.cases.{options.case}")
    measured = case_module.measure(options.rounds, *settings, **extent)
    print(
        json.dumps(
            {"case": options.case, "machine": facts, "measured": measured}, indent=2, ensure_ascii=False
        )
    )
    if not (options.discard or options.quick):
        # The report has results of the usual size only.
        case = f"{options.case}_{options.rows}" if options.rows else options.case
        print(f"kept in {keep(case, facts, measured)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
