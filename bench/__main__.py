"""`python -m bench CASE` measures, keeps and prints a result; `python -m bench report` writes the tables."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys

PICTURES = ("startup", "overhead", "detection", "tracking", "persons", "decode")
CASES = (*PICTURES, "faces", "voice", "speech", "coordinator", "store", "chaos", "memory", "scale")
TOLD = ("tracking", "persons")  # cases that take settings
BRIEF = ("store", "chaos", "memory", "scale")  # cases that can be had in a few minutes


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("case", choices=[*CASES, "report"])
    parser.add_argument("--rounds", type=int, default=3, help="how often each thing is measured, in turns")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"for {', '.join(TOLD)}",
    )
    parser.add_argument("--discard", action="store_true", help="print the result only, keep no file")
    parser.add_argument(
        "--quick", action="store_true", help=f"a smaller version, for {', '.join(BRIEF)}; no file is kept"
    )
    parser.add_argument(
        "--rows",
        type=int,
        help="of the collection that `store` moves, in place of a million; kept under a name of its own",
    )
    asked = parser.parse_args(arguments)
    if asked.quick and asked.case not in BRIEF:
        parser.error(f"{asked.case} has no quick version")
    if asked.rows is not None:
        from bench.fixtures.collection import ROWS

        if asked.case != "store" or asked.rows < ROWS:
            parser.error(f"--rows is for store, {ROWS:,} and more")
    if asked.settings and asked.case not in TOLD:
        parser.error(f"{asked.case} takes no settings")
    return asked


def main() -> int:
    asked = parsed()
    if asked.case == "report":
        from bench.harness.report import write_report

        print(write_report(CASES))
        return 0
    from bench.harness.machine import machine_facts
    from bench.harness.results import keep

    # What is measured is the engine, with OpenCV's detectors as preset embedded.
    os.environ["VAENGINE_WHEELS"] = "0"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it would have every worker compile its imports again
    facts = machine_facts()
    given = [asked.settings] if asked.case in TOLD else []
    told = ({"quick": True} if asked.quick else {}) | ({"rows": asked.rows} if asked.rows else {})
    measured = importlib.import_module(f"bench.cases.{asked.case}").measure(asked.rounds, *given, **told)
    print(
        json.dumps({"case": asked.case, "machine": facts, "measured": measured}, indent=2, ensure_ascii=False)
    )
    if not (asked.discard or asked.quick):
        case = f"{asked.case}_{asked.rows}" if asked.rows else asked.case  # the report is of the usual size
        print(f"kept in {keep(case, facts, measured)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
