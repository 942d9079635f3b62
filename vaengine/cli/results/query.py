"""`vaengine query` and `vaengine facets`: ask a store, and show what can be asked."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaengine.cli.options import Db, Json, Out, Verbose
from vaengine.cli.results.similar import Clips, Sheet
from vaengine.console.output import emit_each, print_lines, print_table, say

if TYPE_CHECKING:
    from schemas.storage.backend import QueryStore
    from vaengine.api.questions.query import Moments
    from vaengine.queries.answers import Answers
    from vaengine.queries.language.document import Query
    from vaengine.queries.language.flags import QueryFlags

Texts = list[str] | None

What = Annotated[
    str | None,
    typer.Argument(
        metavar="[KIND|FILE|NAME]",
        help="What to find: videos, scenes, persons, faces, sounds, speech, ...; or a file with a query in "
        "YAML or JSON; or the name of a saved query.",
    ),
]
Person = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of this person: a name, an identity, or a track's id.")
]
Label = Annotated[str | None, typer.Option(metavar="LABEL", help="Sounds with this label, in any case.")]
Said = Annotated[str | None, typer.Option(metavar="WORDS", help="Speech with these words, in this order.")]
Region = Annotated[
    str | None,
    typer.Option(metavar="REGION", help="Faces or boxes in top-left, left, middle, ... or 0,0,0.5,0.5."),
]
Mode = Annotated[
    str | None,
    typer.Option(
        metavar="MODE", help="center, inside, intersects or fraction>=X of the box.  [default: center]"
    ),
]
MinConfidence = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, metavar="C", help="At least so confident.")
]
Near = Annotated[Texts, typer.Option(metavar="KIND[:X]", help="At most --within from one: sound:laughter.")]
Before = Annotated[Texts, typer.Option(metavar="KIND[:X]", help="Before one, at most --within.")]
After = Annotated[Texts, typer.Option(metavar="KIND[:X]", help="After one, at most --within.")]
Overlaps = Annotated[Texts, typer.Option(metavar="KIND[:X]", help="Sharing a moment with one.")]
During = Annotated[Texts, typer.Option(metavar="KIND[:X]", help="Within one.")]
Contains = Annotated[Texts, typer.Option(metavar="KIND[:X]", help="With one within.")]
Starts = Annotated[Texts, typer.Option(metavar="KIND[:X]", help="Beginning with one.")]
Finishes = Annotated[Texts, typer.Option(metavar="KIND[:X]", help="Ending with one.")]
Meets = Annotated[Texts, typer.Option(metavar="KIND[:X]", help="Ending where one begins.")]
Then = Annotated[
    Texts, typer.Option(metavar="KIND[:X]", help="Followed by one, at most --within later; repeat for more.")
]
Within = Annotated[
    str | None, typer.Option(metavar="TIME", help="The longest distance in time: 5s, 200ms, 1m.")
]
Without = Annotated[
    Texts, typer.Option("--not", metavar="RELATION KIND", help="With no such one: 'overlaps speech'.")
]
Counted = Annotated[
    Texts, typer.Option("--count", metavar="KIND>N", help="With so many: 'person>3', 'person at once>=2'.")
]
Covered = Annotated[
    Texts, typer.Option("--coverage", metavar="KIND>X", help="Covered to this share: 'speech+voice>0.5'.")
]
Meant = Annotated[
    Texts, typer.Option("--mean", metavar="loudness>X", help="So loud on average, in dBFS, or '>=75%'.")
]
Lasting = Annotated[Texts, typer.Option("--lasting", metavar=">S", help="So many seconds long: '>=2'.")]
Video = Annotated[Texts, typer.Option(metavar="VIDEO", help="Only in this one: id, file name or pattern.")]
Pad = Annotated[str | None, typer.Option(metavar="TIME", help="Widen each moment at both ends.")]
Source = Annotated[
    str | None,
    typer.Option(metavar="WHO", help="Whose rows: machine, human or corrected.  [default: machine]"),
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="So many answers.  [default: 100]")]
Page = Annotated[str | None, typer.Option(metavar="PAGE", help="Go on where an earlier answer ended.")]
Timeout = Annotated[
    str, typer.Option(metavar="TIME", help="End a query of which a statement takes longer: 30s, 2m.")
]
Format = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help="table, json, csv or parquet (needs -o).")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write answers there.")]
Open = Annotated[
    bool, typer.Option("--open", help="Show answers with pictures in the browser: DIR/moments.html.")
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain", help="Show the resolved query, its SQL and plan, and what would find more, not answers."
    ),
]
Save = Annotated[str | None, typer.Option(metavar="NAME", help="Keep the query in the store by this name.")]
ListSaved = Annotated[bool, typer.Option("--saved", help="List the queries that the store keeps, and end.")]
Drop = Annotated[str | None, typer.Option(metavar="NAME", help="Forget a saved query, and end.")]
Schema = Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a query, and end.")]


def query(
    what: What = None,
    out: Out = None,
    db: Db = None,
    person: Person = None,
    label: Label = None,
    said: Said = None,
    region: Region = None,
    mode: Mode = None,
    min_confidence: MinConfidence = None,
    near: Near = None,
    before: Before = None,
    after: After = None,
    overlaps: Overlaps = None,
    during: During = None,
    contains: Contains = None,
    starts: Starts = None,
    finishes: Finishes = None,
    meets: Meets = None,
    then: Then = None,
    within: Within = None,
    without: Without = None,
    count: Counted = None,
    coverage: Covered = None,
    mean: Meant = None,
    lasting: Lasting = None,
    video: Video = None,
    pad: Pad = None,
    source: Source = None,
    limit: Limit = None,
    page: Page = None,
    timeout: Timeout = "10m",
    output_format: Format = "table",
    output: Output = None,
    sheet: Sheet = None,
    clips: Clips = None,
    open_page: Open = False,
    explain: Explain = False,
    save: Save = None,
    list_saved: ListSaved = False,
    drop: Drop = None,
    schema: Schema = False,
    verbose: Verbose = False,
) -> None:
    """Ask: who, what and where, in relation to each other, over all videos."""
    from vaengine.queries.language.flags import QueryFlags, given, seconds_of

    if schema:
        from vaengine.queries.language.parsing import schema as schema_of

        print_lines([json.dumps(schema_of(), indent=2)])
        return
    if list_saved or drop is not None:
        _kept(out, db, drop)
        return
    relations = given(
        (
            *(("near", near), ("before", before), ("after", after), ("overlaps", overlaps)),
            *(("during", during), ("contains", contains), ("starts", starts)),
            *(("finishes", finishes), ("meets", meets), ("before", then)),
        )
    )
    flags = QueryFlags(
        what or "",
        person,
        label,
        said,
        region,
        mode,
        min_confidence,
        relations,
        within,
        without or (),
        count or (),
        coverage or (),
        mean or (),
        lasting or (),
        video or (),
        pad,
        source,
        limit,
        page,
    )
    from vaengine.api.questions.query import answers_of, explanation_of
    from vaengine.cli.results.similar import write_matches
    from vaengine.requests.store_location import opened, results_folder

    timeout_s = seconds_of(timeout)
    with closing(opened(out, db)) as store:
        asked = _document(what, flags, store)
        if explain:
            print_lines(explanation_of(store, asked, timeout_s).lines())
        else:
            answers = answers_of(store, asked, timeout_s)
            _show(answers, output_format, output)
            write_matches(store, answers.matches, sheet=sheet, clips=clips, title=answers.title)
            if open_page:
                _open(answers, results_folder(out, db) / "moments.html")
    if save is not None:
        _save(save, asked, out, db)


def facets(out: Out = None, db: Db = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Show what can be asked: kinds, sounds, persons, presets, and how often each comes."""
    from vaengine.queries.facets import facet_table, facets_of
    from vaengine.queries.named_people import NamedPeople
    from vaengine.requests.store_location import opened

    with closing(opened(out, db)) as store:
        found = facets_of(store, NamedPeople(store))
    if as_json:
        emit_each("facet", found)
    else:
        print_table(facet_table(found))


def _document(what: str | None, flags: QueryFlags, store: QueryStore) -> Query:
    """The query of a file, of a saved one, or of the options."""
    from vaengine.queries.language.parsing import SUFFIXES, query_in
    from vaengine.queries.language.saved import require_kind_or_name, saved

    if what is None:
        raise UsageError("say what to find, such as `vaengine query scenes`, or give a file with a query")
    if what.endswith(SUFFIXES):
        asked = query_in(Path(what))
    elif what in store.saved_queries():
        asked = saved(store, what)
    else:
        require_kind_or_name(store, what)
        return flags.document()
    if options := flags.beside_paging():
        raise UsageError(f"{what} is a whole query: put {', '.join(options)} into it")
    changes = {name: value for name in ("limit", "page") if (value := getattr(flags, name)) is not None}
    return asked.model_copy(update=changes)


def _open(answers: Moments, target: Path) -> None:
    """Write a page of answers, and show it where there is a browser; its path is printed in any case."""
    from vaengine.console.browser import open_in_browser

    page = answers.page(target)
    if not open_in_browser(page):
        say("there is no browser here: open the page in one")
    print_lines([str(page)])


def _save(name: str, asked: Query, out: str | None, db: str | None) -> None:
    from actors.stores import open_store
    from vaengine.queries.language.saved import save
    from vaengine.requests.store_location import stored_at

    with closing(open_store(stored_at(db, out))) as store:
        save(store, name, asked)
    say(f"saved: vaengine query {name}")


def _kept(out: str | None, db: str | None, drop: str | None) -> None:
    """List saved queries, or forget one."""
    from actors.stores import open_store
    from schemas.errors import NotFound
    from vaengine.requests.store_location import opened, stored_at

    if drop is not None:
        with closing(open_store(stored_at(db, out))) as store:
            if not store.drop_query(drop):
                raise NotFound(f"saved query {drop!r}", store.url)
        return
    with closing(opened(out, db)) as store:
        print_lines(f"{name}\t{document}" for name, document in store.saved_queries().items())


def _show(answers: Answers, output_format: str, output: Path | None) -> None:
    from vaengine.queries.presentation import csv_text, json_lines, match_table, write_parquet

    if output_format == "parquet":
        if output is None:
            raise UsageError("--format parquet needs a file: give one with -o FILE")
        write_parquet(answers, output)
    elif output_format == "table" and output is None:
        print_table(match_table(answers))
    else:
        texts = {
            "json": "".join(f"{line}\n" for line in json_lines(answers)),
            "csv": csv_text(answers),
        }
        if output_format not in texts:
            raise UsageError(f"--format {output_format} is unknown: there are table, json, csv, parquet")
        if output is None:
            print_lines(texts[output_format].splitlines())
        else:
            output.write_text(texts[output_format], encoding="utf-8")
    for line in (answers.analysed.line, *answers.notes):
        if line:
            say(line)
    if answers.next_page:
        say(f"there are more: --page {answers.next_page}")
    if not answers.matches:
        say("nothing found: --explain says why")
