"""What the documentation names is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from typer.main import get_command

from schemas.annotations import annotation
from schemas.storage import tables
from tests.support.stores.asked import Filmed, filmed
from vaengine.cli.app import app, outcome
from vaengine.exporting.registry import MODULES

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


def commands_on(page: Path) -> list[list[str]]:
    """The words of every `vaengine` command in the blocks of a page, without what is said beside it."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    blocks = [text for language, text in fences if language in ("", "bash")]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("vaengine ")]


def parse(command: click.Command, words: list[str], name: str = "vaengine") -> None:
    """Parse a command line as the command does, without doing it; raises `UsageError` of click."""
    with command.make_context(name, list(words)) as context:
        if isinstance(command, click.Group):
            own, below, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            if below is not None:
                parse(below, rest, str(own))


@pytest.mark.parametrize(
    "name",
    [
        "questions.md",
        "querying.md",
        "similarity.md",
        "people.md",
        "corrections.md",
        "exports.md",
        "training.md",
    ],
)
def test_every_command_about_answers_can_be_parsed(name: str) -> None:
    commands = commands_on(ROOT / "docs" / name)
    assert len(commands) > 3
    for words in commands:
        parse(get_command(app), words)


def test_the_ten_questions_are_ten_and_can_be_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a made-up store: the answers on the page are those of a run, which an acceptance test repeats."""
    page = ROOT / "docs" / "questions.md"
    assert len(re.findall(r"^## \d+\.", page.read_text(encoding="utf-8"), re.MULTILINE)) == 10
    hall = Filmed("hall", "a")
    hall.scene(0, 3)
    hall.track("person_0001", 0, 3)
    hall.sound("laughter", 15, 23)
    hall.loudness(0.0, -20.0)
    url = filmed(f"files:{tmp_path}/store", [hall])
    asked = [words for words in commands_on(page) if words[0] == "query" and "--clips" not in words]
    assert len(asked) >= 10
    for words in asked:
        plain = [word.replace("Adam", "person_0001") for word in words if word != "--open"]
        assert outcome([*plain[: plain.index("--out")], "--db", url]) == 0, words
    assert "1 with near sound:laughter within 20 s" in capsys.readouterr().out


def test_the_table_of_exports_has_every_format_with_its_command() -> None:
    page = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(\w+)` \| `vaengine export (\w+)` \|", page, re.MULTILINE)
    assert shown == [(name, name) for name in MODULES]


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
