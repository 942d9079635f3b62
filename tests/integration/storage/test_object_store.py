"""An S3 server: listing, reading by ranges, faults, and results that are put there."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from actors.sources import access
from actors.sources.block_cache import BLOCK_BYTES, BlockCache
from actors.sources.content import fingerprint_of, is_changed
from actors.sources.facts import facts_of
from actors.sources.ranged_file import RangedFile
from actors.stores import open_store
from schemas.errors import FileChanged, NothingMatched, NothingThere, SourceUnavailable, UsageError
from schemas.pipelines import AUDIO
from schemas.work.job import BatchReport, VideoOutcome
from tests.support.servers.object_store import BUCKET, ObjectStore, running
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import RUN, Clip
from vaengine.execution.foreground import publish_report
from vaengine.execution.projection import project_job
from vaengine.requests.inputs.found_files import Selection, find_files

CONTENT = random.Random(1).randbytes(2 * BLOCK_BYTES + 99)
CLIP = Clip()


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStore]:
    with pytest.MonkeyPatch.context() as patch, running(patch) as found:
        yield found


@pytest.fixture
def store(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """The server with an empty bucket."""
    monkeypatch.setattr(access, "FIRST_DELAY_S", 0.001)
    yield server
    server.faults.clear()
    for key in server.keys(""):
        server.client.delete_object(Bucket=BUCKET, Key=key)


def found(*inputs: str, **selection: bool) -> list[str]:
    return [path.removeprefix(f"s3://{BUCKET}/") for path in find_files(inputs, Selection(**selection)).paths]


@pytest.fixture
def filled(store: ObjectStore) -> ObjectStore:
    for key in ("b.MP4", "a.mkv", "sub/deep/c.mov", "sub/d.mp4", "sub/talk.wav", "sub/.e.mp4", "notes.txt"):
        store.put(key, b"content")
    store.put("sub/", b"")
    return store


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"s3://{BUCKET}", ["a.mkv", "b.MP4", "sub/d.mp4", "sub/deep/c.mov"]),
        (f"s3://{BUCKET}/sub/", ["sub/d.mp4", "sub/deep/c.mov"]),
        (f"s3://{BUCKET}/sub", ["sub/d.mp4", "sub/deep/c.mov"]),
        (f"s3://{BUCKET}/*.mkv", ["a.mkv"]),
        (f"s3://{BUCKET}/**/*.mp4", ["sub/d.mp4"]),
        (f"s3://{BUCKET}/b.MP4", ["b.MP4"]),
    ],
)
def test_a_prefix_and_a_pattern_lead_to_videos_by_name(
    url: str, expected: list[str], filled: ObjectStore
) -> None:
    assert found(url) == expected


def test_what_is_left_alone_is_counted_and_sound_is_taken_when_asked_for(filled: ObjectStore) -> None:
    assert find_files([f"s3://{BUCKET}/"]).left_alone == {".txt": 1, ".wav": 1}
    assert "sub/talk.wav" in found(f"s3://{BUCKET}/", sound=True)


def test_a_prefix_without_anything_and_a_bucket_that_is_not_there_are_told_before_the_run(
    filled: ObjectStore,
) -> None:
    with pytest.raises(UsageError, match="there is nothing at this address"):
        find_files([f"s3://{BUCKET}/none/"])
    with pytest.raises(UsageError, match="NoSuchBucket"):
        find_files(["s3://no-such-bucket/"])
    with pytest.raises(NothingMatched):
        find_files([f"s3://{BUCKET}/*.webm"])


def test_a_list_and_a_manifest_in_the_bucket_lead_to_urls_beside_them(
    filled: ObjectStore, tmp_path: Path
) -> None:
    listed = filled.put("lists/some.txt", b"# some\ntalks/y.mov\ns3://videos/a.mkv\r\nmore/x.mp4\n")
    assert found(listed) == ["lists/talks/y.mov", "a.mkv", "lists/more/x.mp4"]
    parquet.write_table(pa.table({"path": ["s3://videos/b.MP4", None], "id": [1, 2]}), tmp_path / "m.parquet")
    manifest = filled.put("lists/m.parquet", (tmp_path / "m.parquet").read_bytes())
    assert found(manifest) == ["b.MP4"]


def test_an_object_reads_as_its_bytes_by_ranges_through_faults(store: ObjectStore) -> None:
    url = store.put("a.bin", CONTENT)
    file = RangedFile(url, BlockCache())
    file.seek(BLOCK_BYTES - 10)
    before = store.sent_bytes["a.bin"]
    store.faults[:] = [500, 503]
    assert file.read(20) == CONTENT[BLOCK_BYTES - 10 : BLOCK_BYTES + 10]
    assert store.sent_bytes["a.bin"] - before == 2 * BLOCK_BYTES
    assert not store.faults


def test_an_object_that_is_replaced_while_it_is_read_has_changed(store: ObjectStore) -> None:
    url = store.put("a.bin", CONTENT)
    facts, fingerprint = facts_of(url), fingerprint_of(url)
    file = RangedFile(url, BlockCache())
    file.read(10)
    store.put("a.bin", CONTENT[::-1])
    with pytest.raises(FileChanged):
        file.read()
    assert is_changed(url, facts, fingerprint)


def test_faults_without_end_and_missing_objects_are_told_apart(store: ObjectStore) -> None:
    url = store.put("a.bin", CONTENT)
    file = RangedFile(url, BlockCache())
    store.faults[:] = [500] * 100
    with pytest.raises(SourceUnavailable):
        file.read(1)
    store.faults.clear()
    with pytest.raises(NothingThere):
        RangedFile(f"s3://{BUCKET}/none.bin")


def test_results_are_put_there_whole_each_file_once_and_mended(store: ObjectStore, tmp_path: Path) -> None:
    place = f"s3://{BUCKET}/results"
    with closing(open_store(f"sqlite:///{tmp_path}/results.db")) as results:
        results.register(results.open_run(RUN), [CLIP.video], [CLIP.job(CLIP.key(AUDIO))])
        rows = [row.to_data() for row in Rows(CLIP.video_id).conversation()]
        results.save_annotations(CLIP.job(CLIP.key(AUDIO)).job_id, AUDIO, rows)
        (job,) = results.jobs()
        assert project_job(results, job, place) == project_job(results, job, tmp_path) == 1
        local = {path.name: path.read_bytes() for path in (tmp_path / CLIP.video_id).iterdir()}
        assert {
            key.rpartition("/")[2]: store.get(key) for key in store.keys(f"results/{CLIP.video_id}/")
        } == local
        written = store.writes.total()
        assert project_job(results, job, place) == 0
        assert store.writes.total() == written, "what is there is not written again"
        store.client.delete_object(Bucket=BUCKET, Key=f"results/{CLIP.video_id}/audio_processing.vtt")
        assert project_job(results, job, place) == 1


def test_a_report_is_put_there_and_a_refusal_is_said(store: ObjectStore) -> None:
    report = BatchReport("batch-1", (VideoOutcome("a-1", "a.mp4", "completed"),), 1.0)
    assert publish_report(report, f"s3://{BUCKET}/results/", {}) is None
    assert json.loads(store.get("results/batch_report_batch-1.json"))["completed"] == 1
    fault = publish_report(report, "s3://no-such-bucket/results", {})
    assert "no-such-bucket" in (fault or "")
