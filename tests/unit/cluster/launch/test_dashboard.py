"""The dashboard: metrics that Ray has, and queries that the store answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
import ray

from cluster import launch
from tests.support.servers import postgres

DASHBOARD: dict[str, Any] = json.loads((Path(launch.__file__).parent / "grafana.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
WINDOW = re.compile(r"\$__timeFilter\((\w+)\)")


def queries() -> list[str]:
    batches = next(one["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query")
    return [
        batches,
        *(target["rawSql"] for panel in PANELS for target in panel["targets"] if "rawSql" in target),
    ]


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_every_metric_is_one_that_ray_exports() -> None:
    source = Path(ray.__file__).parent
    folders = ("dashboard", "_private", "autoscaler")
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in folders
        for path in (source / folder).rglob("*metric*.py")
    )
    text += (source / "dashboard" / "modules" / "reporter" / "reporter_agent.py").read_text(encoding="utf-8")
    text += (
        source / "dashboard" / "modules" / "metrics" / "dashboards" / "default_dashboard_panels.py"
    ).read_text()
    expressions = [target["expr"] for panel in PANELS for target in panel["targets"] if "expr" in target]
    names = {name for one in expressions for name in re.findall(r"\b(?:ray|autoscaler)_[a-z_]+", one)}
    assert len(names) > 10
    assert [name for name in names if not re.search(rf"\b{name.partition('_')[2]}\b|\b{name}\b", text)] == []


@pytest.mark.parametrize("query", queries())
def test_the_store_answers_the_query(query: str) -> None:
    ended = WINDOW.sub(r"\1 > now() - interval '6 hours'", query).replace("${batch}", "none")
    with psycopg.connect(postgres.migrated_database()) as connection:
        assert connection.execute(ended.encode()).fetchall() is not None
