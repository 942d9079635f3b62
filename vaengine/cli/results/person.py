"""`vaengine person`: gives the persons of a collection names, and shows who they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaengine.cli.options import Db, Json, Out, Verbose
from vaengine.cli.results.render import Force
from vaengine.console.output import emit, emit_each, print_lines, print_table, say

if TYPE_CHECKING:
    from schemas.storage.backend import StorageBackend
    from vaengine.people.edits import Decision
    from vaengine.people.targets import IdentityTarget, LabelTarget

person_app = typer.Typer(help="Name the persons of a collection, and say who is who.", rich_markup_mode=None)

Who = Annotated[
    str,
    typer.Argument(
        metavar="WHO",
        help="VIDEO:face_N, VIDEO:person_N, VIDEO:speaker_N, identity_N, or the name or id of a person.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name, in quotes if it has blanks.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="The name or id of a person.")]
Others = Annotated[list[str], typer.Argument(metavar="OTHER", help="Who is the same person, by name or id.")]
Parts = Annotated[
    list[str],
    typer.Argument(metavar="PART", help="What is not this person: VIDEO:face_N, person_N, speaker_N."),
]
NewName = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="Whose these are.  [default: a person without a name]"),
]


@person_app.command("name")
def person_name(
    who: Who, name: Name, out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False
) -> None:
    """Give a person a name, or say that somebody is the person of that name."""
    from vaengine.people.edits import name_person
    from vaengine.people.targets import target_of

    with _editing(out, db) as store:
        _tell(name_person(store, target_of(who, _video_id_of(store)), name), as_json=as_json)


@person_app.command("merge")
def person_merge(
    person: Person,
    others: Others,
    out: Out = None,
    db: Db = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Make several persons one, who keeps the first name."""
    from vaengine.people.edits import merge_persons

    with _editing(out, db) as store:
        for other in others:
            _tell(merge_persons(store, person, other), as_json=as_json)


@person_app.command("split")
def person_split(
    person: Person,
    parts: Parts,
    name: NewName = None,
    out: Out = None,
    db: Db = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Take away from a person what is somebody else."""
    from vaengine.people.edits import split_person

    with _editing(out, db) as store:
        _tell(split_person(store, person, _parts(store, parts), name), as_json=as_json)


@person_app.command("undo")
def person_undo(
    redo: Annotated[bool, typer.Option("--redo", help="Do again what was undone last.")] = False,
    out: Out = None,
    db: Db = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Take back the last name, merge or split; again for the one before."""
    from vaengine.people.edits import undo_edit

    with _editing(out, db) as store:
        _tell(undo_edit(store, redo=redo), as_json=as_json)


@person_app.command("list")
def person_list(out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Show everybody with a name, and in how many videos they are."""
    from vaengine.people.listing import people_summary, people_table, person_event
    from vaengine.people.resolution import EntityResolution
    from vaengine.requests.store_location import opened

    with closing(opened(out, db)) as store:
        people = EntityResolution(store).everybody()
    if as_json:
        emit_each("person", map(person_event, people))
        emit("report", persons=len(people))
        return
    if people:
        print_table(people_table(people))
    say(people_summary(people))


@person_app.command("show")
def person_show(
    person: Person, out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False
) -> None:
    """Show where a person is, how that is known, and what was not found again."""
    from vaengine.people.listing import labels_table, people_summary, person_event, unmatched_lines
    from vaengine.people.resolution import resolve
    from vaengine.requests.store_location import opened

    with closing(opened(out, db)) as store:
        found = resolve(store, person)
    if as_json:
        emit("person", person_event(found))
        return
    print_table(labels_table(found))
    print_lines(unmatched_lines(found))
    say(f"{found.person.shown_name} ({found.person.person_id}): {people_summary([found])}")


@person_app.command("sheet")
def person_sheet(
    who: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WHO]...", help="As for name.  [default: everybody with a name]"),
    ] = None,
    out: Out = None,
    db: Db = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help=".png.  [default: DIR/people.png]")
    ] = None,
    unnamed: Annotated[
        bool, typer.Option("--unnamed", help="The identities of the collection that have no name yet.")
    ] = False,
    pictures: Annotated[
        int, typer.Option("--pictures", min=1, max=200, metavar="N", help="Pictures of each at most.")
    ] = 8,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Draw a picture with the faces of each person."""
    from schemas.errors import UsageError
    from vaengine.people.sheet_rows import rows_of_targets, rows_of_unnamed
    from vaengine.people.targets import target_of
    from vaengine.rendering.output_file import check_target, whole_file
    from vaengine.rendering.person_sheet import crops_of, sheet_bytes, sheet_mark
    from vaengine.requests.store_location import opened, results_folder

    if unnamed and who:
        raise UsageError("--unnamed takes no names: give one or the other")
    target = output or results_folder(out, db) / "people.png"
    if target.suffix.lower() != ".png":
        raise UsageError(f"a sheet is a .png file, not {target.name}: name another one with -o")
    with closing(opened(out, db)) as store:
        targets = [target_of(text, _video_id_of(store)) for text in who or ()]
        rows = rows_of_unnamed(store, pictures) if unnamed else rows_of_targets(store, targets, pictures)
        videos = store.videos(sorted({one.video_id for row in rows for one in row.portraits}))
    if check_target(target, force=force, mark=(mark := sheet_mark(rows, videos))):
        picture = sheet_bytes(rows, crops_of(rows, videos, say), mark)
        with whole_file(target) as file:
            file.write(picture)
    else:
        say(f"{target.name} is up to date")
    print_lines([str(target)])


def _parts(store: StorageBackend, texts: list[str]) -> list[LabelTarget | IdentityTarget]:
    from schemas.errors import UsageError
    from vaengine.people.targets import target_of

    targets = [(text, target_of(text, _video_id_of(store))) for text in texts]
    if names := [text for text, target in targets if isinstance(target, str)]:
        raise UsageError(
            f"{names[0]!r} is no part of a person: name it as VIDEO:face_0001, VIDEO:person_0001, "
            "VIDEO:speaker_0001 or identity_0001"
        )
    return [target for _, target in targets if not isinstance(target, str)]


def _tell(decision: Decision, *, as_json: bool) -> None:
    if as_json:
        emit("edit", decision.edit, told=decision.told)
    else:
        print_lines([decision.told])


def _video_id_of(store: StorageBackend) -> Callable[[str], str]:
    from vaengine.results.lookup import jobs_of

    return lambda named: jobs_of(store, named)[0].video_id


@contextmanager
def _editing(out: str | None, db: str | None) -> Iterator[StorageBackend]:
    """The existing store of these options, for writing; raises `NotFound`."""
    from actors.stores import open_store
    from vaengine.requests.store_location import opened, stored_at

    opened(out, db).close()
    with closing(open_store(stored_at(db, out))) as store:
        yield store
