"""Google Cloud Storage: listing, reading by ranges, faults, and results that are put there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.sources import access
from actors.sources.block_cache import BLOCK_BYTES, BlockCache
from actors.sources.content import fingerprint_of, is_changed
from actors.sources.facts import facts_of
from actors.sources.ranged_file import RangedFile
from actors.sources.writing import object_tail, put_object, remove_object
from schemas.errors import AccessDenied, FileChanged, NothingThere, UsageError
from schemas.pipelines import PERSON, SCENE
from tests.support.media import clips
from tests.support.runs import local_runs, runs
from tests.support.servers.google_storage import BUCKET, GoogleStorage, running
from vaengine.requests.inputs.found_files import find_files

CONTENT = random.Random(1).randbytes(2 * BLOCK_BYTES + 99)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleStorage]:
    monkeypatch.setattr(access, "FIRST_DELAY_S", 0.001)
    with running(monkeypatch) as found:
        yield found


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"gs://{BUCKET}/", ["b.MP4", "sub/c.mov", "sub/deep/d.mp4"]),
        (f"gs://{BUCKET}/sub", ["sub/c.mov", "sub/deep/d.mp4"]),
        (f"gs://{BUCKET}/**/*.mp4", ["sub/deep/d.mp4"]),
        (f"gs://{BUCKET}/b.MP4", ["b.MP4"]),
    ],
)
def test_a_prefix_and_a_pattern_lead_to_videos_by_name(
    url: str, expected: list[str], storage: GoogleStorage
) -> None:
    for key in ("b.MP4", "sub/c.mov", "sub/deep/d.mp4", "sub/.e.mp4", "notes.txt"):
        storage.put(key, b"content")
    assert [path.removeprefix(f"gs://{BUCKET}/") for path in find_files([url]).paths] == expected


def test_an_object_reads_as_its_bytes_by_ranges_through_faults(storage: GoogleStorage) -> None:
    file = RangedFile(storage.put("a b.bin", CONTENT), BlockCache())
    file.seek(BLOCK_BYTES - 10)
    storage.faults[:] = [503]
    assert file.read(20) == CONTENT[BLOCK_BYTES - 10 : BLOCK_BYTES + 10]
    assert storage.sent_bytes["a b.bin"] == 2 * BLOCK_BYTES
    assert not storage.faults


def test_an_object_that_is_replaced_while_it_is_read_has_changed(storage: GoogleStorage) -> None:
    url = storage.put("a.bin", CONTENT)
    facts, fingerprint = facts_of(url), fingerprint_of(url)
    file = RangedFile(url, BlockCache())
    file.read(10)
    storage.put("a.bin", CONTENT[::-1])
    with pytest.raises(FileChanged):
        file.read()
    assert is_changed(url, facts, fingerprint)


def test_missing_and_forbidden_objects_are_told_apart_at_once(storage: GoogleStorage) -> None:
    with pytest.raises(NothingThere):
        RangedFile(f"gs://{BUCKET}/none.bin")
    url = storage.put("secret.bin", CONTENT)
    file = RangedFile(url, BlockCache())
    storage.denied.add("secret.bin")
    with pytest.raises(AccessDenied, match="told to answer 403"):
        file.read(1)
    with pytest.raises(UsageError, match="there is nothing at this address"):
        find_files(["gs://no-such-bucket/"])


def test_an_object_is_put_there_whole_and_removed(storage: GoogleStorage) -> None:
    url = f"gs://{BUCKET}/results/a.json"
    put_object(url, b'{"a":\n1}\n')
    assert storage.objects["results/a.json"][0] == b'{"a":\n1}\n'
    assert object_tail(url, 3) == b"1}\n"
    remove_object(url)
    remove_object(url)
    assert object_tail(url, 3) is None


@pytest.mark.long
def test_a_run_comes_to_the_rows_of_a_run_over_the_disk_and_puts_its_files_there(
    storage: GoogleStorage, clip_folder: Path, tmp_path: Path
) -> None:
    clip = clips.counting(clip_folder, frames=120, fps=24, coding=clips.h264("bframes=2", gop=12)).path
    told = {"pipelines": [SCENE, PERSON], "engine__chunk_seconds": 1.0}
    url = storage.put(f"films/{clip.name}", clip.read_bytes())
    report = local_runs.run([url], tmp_path / "run", publish=f"gs://{BUCKET}/results", **told)
    assert (report.completed, report.outcomes[0].path) == (1, url)
    reference = local_runs.reference_digest(find_files([f"file://{clip}"]).paths, tmp_path / "whole", **told)
    assert runs.digest(runs.sqlite(tmp_path / "run")) == reference
    folder = tmp_path / "run" / report.outcomes[0].video_id
    there = {
        key.rpartition("/")[2]: storage.objects[key][0] for key in storage.keys(f"results/{folder.name}/")
    }
    assert there == {path.name: path.read_bytes() for path in folder.iterdir()}
