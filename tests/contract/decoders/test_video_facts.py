"""What every store knows of a video: whether a version knew enough of it, and what a later look at its
pictures changes.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.media.video import StreamFault, Video
from schemas.storage.backend import StorageBackend
from tests.contract.conftest import LOCAL, STORES
from tests.support.stores.fake_videos import RUN
from tests.support.stores.sounds import ALONE, CLIP

FAULT = StreamFault("poisoned", "its process ended with signal SIGABRT")
SILENT = replace(CLIP.video, sound=None, sounds=(), is_sound_known=True)


def registered(store: StorageBackend, *videos: Video) -> None:
    epoch = store.open_run(RUN)
    for video in videos:
        store.register(epoch, [video], [])


def without(kind: str, folder: Path, name: str | None) -> None:
    """Take one of the details out of a store as an older version left it; all of them where none is named."""
    if kind == "sqlite":
        with closing(sqlite3.connect(folder / "batch_processing.db")) as database, database:
            changed = "NULL" if name is None else f"json_remove(details, '$.{name}')"
            database.execute(f"UPDATE videos SET details = {changed}")
        return
    for path in folder.glob("**/*.json"):
        found = json.loads(path.read_text())
        if "details" in found:
            details = {} if name is None else json.loads(found.pop("details"))
            kept = (
                {"details": json.dumps({key: value for key, value in details.items() if key != name})}
                if details
                else {}
            )
            path.write_text(
                json.dumps({key: value for key, value in found.items() if key != "details"} | kept)
            )


@pytest.mark.parametrize("name", [None, "mirrored", "made_up", "picture_fault"])
@pytest.mark.parametrize("kind", LOCAL)
def test_a_video_without_sound_is_looked_at_again_where_a_version_knew_less_of_its_pictures(
    kind: str, name: str | None, tmp_path: Path
) -> None:
    with closing(open_store(STORES[kind](tmp_path))) as store:
        registered(store, SILENT)
        assert store.known_videos([SILENT.path]) == {SILENT.path: SILENT}
    without(kind, tmp_path, name)
    with closing(open_store(STORES[kind](tmp_path))) as store:
        assert store.known_videos([SILENT.path]) == {}
        assert store.videos([SILENT.video_id]) == {
            SILENT.video_id: SILENT
        }  # what results were made of is still to be read


def test_a_fault_of_pictures_ends_with_a_look_that_finds_them_though_it_looks_for_no_sound(
    store: StorageBackend,
) -> None:
    seen = replace(CLIP.video, is_sound_known=False)
    deaf = replace(ALONE, video_id=seen.video_id, path=seen.path, picture_fault=FAULT)
    registered(store, deaf, seen)
    (known,) = store.known_videos([seen.path]).values()
    assert (known.picture_fault, known.has_pictures) == (None, True)
    assert known.sound == deaf.sound


def test_a_fault_of_pictures_is_kept_by_a_look_that_looks_for_no_sound(store: StorageBackend) -> None:
    heard = replace(CLIP.video, sound=ALONE.sound, sounds=())
    registered(store, heard, replace(heard, sound=None, is_sound_known=False, picture_fault=FAULT))
    (known,) = store.known_videos([heard.path]).values()
    assert (known.picture_fault, known.sound) == (FAULT, heard.sound)
