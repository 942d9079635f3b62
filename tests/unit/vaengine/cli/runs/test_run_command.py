"""A command line of `vaengine run`, as a cluster is given it."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import StoreUnreachable, UsageError
from vaengine.cli.runs.run_command import run_command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_paths_are_absolute_results_have_a_folder_and_options_stand_in_one_order(here: Path) -> None:
    typed = ["--set", "a=1", "b.mp4", "--preset", "fast", "--set", "c=2", "s3://videos/x", "--no-files"]
    command = run_command(typed, "submit")
    assert command.arguments == (
        *("run", f"{here}/b.mp4", "s3://videos/x"),
        *("--out", f"{here}/vaengine_out", "--preset", "fast", "--set", "a=1", "--set", "c=2", "--no-files"),
    )
    assert (command.out, command.db, command.password) == (f"{here}/vaengine_out", "", None)


@pytest.mark.parametrize(
    "typed",
    [
        ["--out", "o", "a.mp4", "--preset", "fast"],
        ["a.mp4", "--preset=fast", "--out=./o"],
        ["--preset", "fast", "--out", "x/../o", "--", "./a.mp4"],
    ],
)
def test_the_same_request_is_the_same_command_however_it_is_typed(typed: list[str], here: Path) -> None:
    assert run_command(typed, "submit") == run_command(["a.mp4", "--out", "o", "--preset", "fast"], "submit")


def test_the_folder_of_a_batch_file_is_where_results_go(here: Path) -> None:
    Path("b.yaml").write_text("inputs: [videos]\nout: results\n")
    command = run_command(["--config", "b.yaml"], "submit")
    assert command.out == f"{here}/results"
    assert command.arguments == ("run", "--out", f"{here}/results", "--config", f"{here}/b.yaml")


@pytest.mark.parametrize(
    ("db", "shown", "password"),
    [
        ("sqlite:///x.db", "sqlite:///{here}/x.db", None),
        ("files:results", "files:{here}/results", None),
        ("postgresql://ann@db/x", "postgresql://ann@db/x", None),
        ("postgresql://ann:p%40ss@db/x", "postgresql://ann@db/x", "p@ss"),
    ],
)
def test_a_password_is_no_part_of_a_command_that_a_job_server_shows(
    db: str, shown: str, password: str | None, here: Path
) -> None:
    command = run_command(["a.mp4", "--db", db], "submit")
    assert (command.db, command.password) == (shown.format(here=here), password)
    assert command.arguments[-2:] == ("--db", command.db)
    assert "p@ss" not in f"{command!r}{command.arguments}"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["-"], "a list on standard input stays here"),
        (["a.mp4", "--db", "mysql://x"], "a store is files:DIR"),
        (["--video", "a.mp4"], "give paths without an option"),
        (["a.mp4", "--cluster", "auto"], "one --cluster"),
        (["a.mp4", "--open"], "--open shows a run of this machine"),
    ],
)
def test_what_a_cluster_cannot_be_given_is_told_before_it_is_asked(
    typed: list[str], says: str, here: Path
) -> None:
    with pytest.raises((UsageError, StoreUnreachable), match=says):
        run_command(typed, "submit")


def test_an_option_that_run_does_not_have_is_told_with_the_nearest(here: Path) -> None:
    with pytest.raises(Exception, match="--preset") as refusal:
        run_command(["a.mp4", "--presett", "fast"], "submit")
    assert type(refusal.value).__name__ == "NoSuchOption"
