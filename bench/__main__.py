"""`python -m bench CASE` measures, stores and prints a result; `python -m bench report` writes the tables."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any

from schemas.errors import UsageError

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
CASES_IN_PARTS = ("rivals", "scale")  # each part is kept as soon as it is measured
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
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PART",
        help=f"of {' or '.join(CASES_IN_PARTS)}: this part; more than once for several",
    )
    parser.add_argument(
        "--rival",
        dest="rivals",
        action="append",
        default=[],
        metavar="NAME",
        help="beside the engine, in `rivals`; more than once for several. The report keeps what it has of "
        "the others",
    )
    options = parser.parse_args(arguments)
    if (fault := next(faults_of(options), None)) is not None:
        parser.error(fault)
    return options


def faults_of(options: argparse.Namespace) -> Iterator[str]:
    """What is wrong with options that do not go together; what comes after a fault may not be asked for."""
    case = options.case
    if options.quick and case not in CASES_WITH_QUICK:
        yield f"{case} has no quick version"
    if options.rows is not None:
        from bench.fixtures.collection import ROWS

        if case not in CASES_WITH_ROWS or options.rows < ROWS:
            yield f"--rows is for {' and '.join(CASES_WITH_ROWS)}, {ROWS:,} and more"
    if options.settings and case not in CASES_WITH_SETTINGS:
        yield f"{case} takes no settings"
    if options.rivals and case != "rivals":
        yield f"{case} has no rivals to choose"
    if options.only and case not in CASES_IN_PARTS:
        yield f"{case} has no parts"
    parts = case_module(case).REPORTED_PARTS if options.only else ()
    if unknown := [part for part in options.only if part not in parts]:
        yield f"unknown part of {case}: {', '.join(unknown)}; there are {', '.join(parts)}"


def case_module(case: str) -> Any:
    """The module that measures and describes a case."""
    return importlib.import_module(f"bench.cases.{case}")


def measured_by(options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is measured, by the name it is kept under; the parts of a case as soon as each is known."""
    module = case_module(options.case)
    extent = {"quick": True} if options.quick else {}
    if options.case in CASES_IN_PARTS:
        only = options.only or tuple(module.REPORTED_PARTS)
        rivals = {"rivals": options.rivals} if options.rivals else {}
        for part, measured in module.measure_parts(options.rounds, only=only, **rivals, **extent):
            yield f"{options.case}_{part}", measured
        return
    settings = [options.settings] if options.case in CASES_WITH_SETTINGS else []
    rows = {"rows": options.rows} if options.rows else {}
    name = f"{options.case}_{options.rows}" if options.rows else options.case
    yield name, module.measure(options.rounds, *settings, **extent, **rows)


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
    try:
        for name, measured in measured_by(options):
            result = {"case": name, "machine": facts, "measured": measured}
            print(json.dumps(result, indent=2, ensure_ascii=False), flush=True)
            if not (options.discard or options.quick):  # the report has results of the usual size only
                print(f"kept in {keep(name, facts, measured)}", file=sys.stderr)
            facts = machine_facts()  # of the next part
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
