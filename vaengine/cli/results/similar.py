"""`vaengine similar`: finds the faces, people and scenes most like a picture or something stored."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaengine.cli.options import Db, Json, Models, Out, Preset, Set, Verbose
from vaengine.console.output import Table, emit, emit_each, print_lines, print_table, say

if TYPE_CHECKING:
    from schemas.storage.backend import StorageBackend
    from vaengine.queries.match import Match

What = Annotated[
    str | None,
    typer.Argument(
        metavar="[WHAT]",
        help="A picture with a face, VIDEO:face_0001, VIDEO:person_0001, VIDEO:scene_0001, identity_0001, or "
        "an annotation's id.",
    ),
]
Kind = Annotated[
    str,
    typer.Option(metavar="KIND", help="identity: everybody of each video once; face: single faces."),
]
Count = Annotated[int, typer.Option("--count", "-k", min=1, metavar="N", help="How many answers.")]
MinSimilarity = Annotated[
    float,
    typer.Option(min=-1.0, max=1.0, metavar="COSINE", help="Leave out what is less similar."),
]
MinConfidence = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, metavar="C", help="Leave out faces that are less sure than this."),
]
InVideo = Annotated[
    list[str] | None, typer.Option("--video", metavar="VIDEO", help="Only in this video; may be repeated.")
]
WhichFace = Annotated[
    int | None, typer.Option("--face", min=1, metavar="N", help="Which face of the picture, from the left.")
]
Text = Annotated[
    str | None,
    typer.Option(metavar="WORDS", help="Scenes in which this is to be seen, by a model such as CLIP."),
]
Sheet = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also draw a contact sheet of the answers, .png.")
]
Clips = Annotated[Path | None, typer.Option(metavar="DIR", help="Also cut the answers out as video files.")]


def similar(
    what: What = None,
    out: Out = None,
    db: Db = None,
    kind: Kind = "identity",
    count: Count = 10,
    min_similarity: MinSimilarity = -1.0,
    min_confidence: MinConfidence = None,
    video: InVideo = None,
    face: WhichFace = None,
    text: Text = None,
    sheet: Sheet = None,
    clips: Clips = None,
    preset: Preset = None,
    settings: Set = None,
    models: Models = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Find the faces, people or scenes most like a picture or something stored."""
    from vaengine.api.questions.similarity import SimilarityRequest
    from vaengine.api.questions.similarity import similar as find_similar
    from vaengine.requests.run_options import RunOptions
    from vaengine.requests.store_location import opened

    request = SimilarityRequest(
        what or "",
        kind,
        count,
        min_similarity,
        min_confidence,
        tuple(video or ()),
        face,
        RunOptions(preset=preset, settings=tuple(settings or ()), models=models),
        text,
    )
    with closing(opened(out, db)) as store:
        found = find_similar(store, request)
        print_matches(found, as_json=as_json)
        write_matches(store, found, sheet=sheet, clips=clips, title=f"Most like {text or what}")


def write_matches(
    store: StorageBackend, found: Sequence[Match], *, sheet: Path | None, clips: Path | None, title: str
) -> None:
    """Draw a contact sheet of matches and cut them out, where that is asked for."""
    if sheet is not None:
        from vaengine.rendering.matches.contact_sheet import write_contact_sheet

        print_lines([str(write_contact_sheet(store, found, sheet, title=title))])
    if clips is not None:
        from vaengine.rendering.matches.match_clips import write_clips

        written = write_clips(store, found, clips)
        print_lines([str(path) for path in written.paths])
        for line in written.left_out:
            say(f"no clip of {line}")


def print_matches(found: Sequence[Match], *, as_json: bool) -> None:
    """Print matches: as JSON an object for each, otherwise a line for each."""
    from schemas.paths import name_of
    from vaengine.console.units import clock

    if as_json:
        emit_each("match", found)
        emit("report", matches=len(found))
        return
    rows = (
        (
            str(number),
            "" if match.score is None else f"{match.score:.3f}",
            name_of(match.path) or match.video_id,
            clock(match.start_s),
            clock(match.end_s),
            match.why,
        )
        for number, match in enumerate(found, start=1)
    )
    print_table(Table(("", "cosine", "video", "from", "to", "why"), tuple(rows)))
    if not found:
        say("nothing is like it: lower --min-similarity, or take --video or --min-confidence away")
