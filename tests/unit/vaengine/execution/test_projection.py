"""Files beside a database: made from what it holds, complete when the last of them is there, and mended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from actors.stores import open_store
from actors.stores.encoding.documents import sidecars
from schemas.annotations.annotation import Annotation
from schemas.errors import DiskFull
from schemas.pipelines import AUDIO, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.job import JobStatus, PipelineResult
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import RUN, Clip
from vaengine.execution import result_files
from vaengine.execution.projection import project_job

CLIP = Clip()
KEY = CLIP.key(AUDIO)
ROWS = Rows(CLIP.video_id)
TALK, SILENCE = ROWS.conversation(), [ROWS.loudness(0)]
BESIDE = {"audio_processing.vtt", "audio_processing.srt", "audio_processing.rttm"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StorageBackend]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    opened.register(opened.open_run(RUN), [CLIP.video], [CLIP.job(KEY)])
    yield opened
    opened.close()


def heard(store: StorageBackend, rows: Sequence[Annotation], out: Path) -> int:
    """Store this as the result, and bring its files up to date; how many documents were written."""
    store.save_annotations(CLIP.job(KEY).job_id, AUDIO, [row.to_data() for row in rows])
    return project(store, out)


def project(store: StorageBackend, out: Path) -> int:
    return project_job(store, next(iter(store.jobs())), out)


def names(out: Path) -> set[str]:
    return {path.name for path in (out / CLIP.video_id).glob("audio_processing.*")}


def test_subtitles_and_turns_lie_beside_the_document_of_sound(store: StorageBackend, tmp_path: Path) -> None:
    assert heard(store, TALK, tmp_path) == 1
    assert names(tmp_path) == {"audio_processing.json", *BESIDE}
    assert "<v Speaker 1>Good morning.</v>" in (tmp_path / CLIP.video_id / "audio_processing.vtt").read_text()
    assert (
        f"SPEAKER {CLIP.video_id} 1 3.000 2.000"
        in (tmp_path / CLIP.video_id / "audio_processing.rttm").read_text()
    )
    assert project(store, tmp_path) == 0, "and then there is nothing to do"


def test_where_nothing_is_said_there_is_only_the_document_and_old_subtitles_go(
    store: StorageBackend, tmp_path: Path
) -> None:
    heard(store, TALK, tmp_path)
    assert heard(store, SILENCE, tmp_path) == 1
    assert names(tmp_path) == {"audio_processing.json"}
    assert project(store, tmp_path) == 0


@pytest.mark.parametrize("name", sorted(BESIDE))
@pytest.mark.parametrize("harm", ["removed", "cut off"])
def test_a_file_that_is_missing_or_cut_off_is_mended(
    name: str, harm: str, store: StorageBackend, tmp_path: Path
) -> None:
    heard(store, TALK, tmp_path)
    path = tmp_path / CLIP.video_id / name
    before = path.read_bytes()
    path.unlink() if harm == "removed" else path.write_bytes(before[:-3])
    assert project(store, tmp_path) == 1
    assert path.read_bytes() == before


def test_the_document_that_says_that_all_is_there_is_written_last(
    store: StorageBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = result_files.write_or_remove

    def full(path: Path, data: bytes) -> None:
        if path.suffix == ".rttm":
            raise DiskFull(str(path), "no space")
        write(path, data)

    monkeypatch.setattr(result_files, "write_or_remove", full)
    with pytest.raises(DiskFull):
        heard(store, TALK, tmp_path)
    assert "audio_processing.json" not in names(tmp_path)
    monkeypatch.setattr(result_files, "write_or_remove", write)
    assert project(store, tmp_path) == 1
    assert names(tmp_path) >= BESIDE


def test_pipelines_that_do_not_listen_have_nothing_beside_their_document() -> None:
    assert sidecars(SCENE, CLIP.video, CLIP.scenes(CLIP.key(SCENE))) == {}
    assert set(sidecars(AUDIO, None, [])) == BESIDE
    assert not any(sidecars(AUDIO, None, SILENCE).values())


def test_what_is_pending_has_no_files_yet(store: StorageBackend, tmp_path: Path) -> None:
    assert project(store, tmp_path) == 0
    assert names(tmp_path) == set()
    assert next(iter(store.jobs())).pipeline_results[AUDIO] == PipelineResult(
        AUDIO, KEY.config_hash, JobStatus.PENDING
    )
