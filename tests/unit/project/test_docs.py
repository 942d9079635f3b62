"""What the documentation names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.annotations import annotation
from schemas.storage import tables
from vaengine.cli.app import app

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
TYPES = {
    value
    for name, value in vars(annotation).items()
    if name.isupper() and isinstance(value, str) and re.fullmatch("[a-z_]+", value)
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    missing = [
        link
        for link in links
        if "://" not in link and not link.startswith("#") and not (page.parent / link.split("#")[0]).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_shows_is_one(page: Path) -> None:
    known = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    known |= {group.name for group in app.registered_groups}
    blocks = re.findall(r"```(?:bash)?\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    shown = {found for block in blocks for found in re.findall(r"^vaengine ([a-z]+)", block, re.MULTILINE)}
    assert shown - {str(name).replace("_", "-") for name in known} == set()


def test_every_annotation_type_and_every_column_is_in_the_output_format() -> None:
    page = (ROOT / "docs" / "output-format.md").read_text(encoding="utf-8")
    assert [kind for kind in sorted(TYPES) if f"`{kind}`" not in page] == []
    assert [column.name for column in tables.annotations.columns if f"`{column.name}`" not in page] == []
    assert [table for table in tables.metadata.tables if f"`{table}`" not in page] == []


def test_every_test_that_the_plan_names_is_there() -> None:
    page = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_[a-z0-9_]+)`", page)
    assert [name for name in named if f"def {name}(" not in written] == []
    assert [path for path in re.findall(r"`(tests/[\w/]+\.py)`", page) if not (ROOT / path).is_file()] == []
