"""Scenes by what is to be seen in them, with a tiny model of CLIP's form and made-up weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from actors.probing.probe import probe
from actors.scenes.picture_text_model import PictureTextModel
from actors.stores import open_store
from schemas.annotations.annotation import Annotation, annotation_id, job_id_for
from schemas.errors import ModelError, UsageError
from schemas.pipelines import SCENE
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from tests.support.media import clips
from tests.support.stores.fake_videos import RUN
from vaengine.api.questions.query import answers_of
from vaengine.api.questions.similarity import SimilarityRequest, similar
from vaengine.cli.app import outcome
from vaengine.queries.language.parsing import query_of
from vaengine.requests.run_options import RunOptions

CUTS = (0, 20, 45, 70)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose folder is as one of CLIP's is: two layers of random weights, letters as words."""
    import torch
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
        CLIPProcessor,
        CLIPTokenizerFast,
    )

    folder = tmp_path_factory.mktemp("weights") / "scenes"
    folder.mkdir()
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokens = CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = small | {"vocab_size": len(words), "max_position_embeddings": 16, "eos_token_id": len(words) - 1}
    torch.manual_seed(5)
    config = CLIPConfig(
        text_config=text,
        vision_config=small | {"image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    CLIPModel(config).save_pretrained(folder)
    pictures = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(pictures, tokens).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageBackend]:
    """A store with one video of three scenes between very different pictures."""
    folder = tmp_path_factory.mktemp("kept")
    path = folder / "talk.mp4"
    shutil.copy(clips.with_cuts(folder).path, path)
    video = probe(str(path))
    key = WorkKey(video.video_id, SCENE, "c1")
    rows = [
        Annotation(
            annotation_id(video.video_id, SCENE, "c1", "scene", number, 0),
            *(video.video_id, SCENE, "c1", "scene", first / 25, last / 25, 0),
            scene_id=f"scene_{number + 1:04d}",
        )
        for number, (first, last) in enumerate(pairwise(CUTS))
    ]
    with closing(open_store(f"sqlite:///{folder}/batch_processing.db")) as store:
        results = {SCENE: PipelineResult(SCENE, "c1", JobStatus.PENDING)}
        job_id = job_id_for(video.video_id, {SCENE: "c1"})
        job = BatchJob(job_id, str(path), folder, {}, video.video_id, JobStatus.PENDING, results)
        epoch = store.open_run(RUN)
        store.register(epoch, [video], [job])
        store.finish(epoch, Outcome(key, job.job_id, JobStatus.COMPLETED, tuple(rows)))
        yield store


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def named(model: Path) -> RunOptions:
    return RunOptions(settings=(f"models.scenes={model}",))


@pytest.mark.long
def test_pictures_and_texts_are_unit_vectors_of_one_space(model: Path) -> None:
    found = PictureTextModel(model)
    pictures = [np.full((40, 60, 3), level, np.uint8) for level in (0, 128, 255)]
    vectors = np.concatenate([found.pictures(pictures), found.texts(["a dog", "two people at a table"])])
    assert vectors.shape == (5, 8)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(found.pictures(pictures[1:2])[0], vectors[1], atol=1e-5), "alone as among others"
    assert found.name.startswith("scenes@")


@pytest.mark.long
def test_a_text_finds_every_scene_in_the_order_of_the_cosine_and_a_scene_finds_the_others(
    model: Path, kept: StorageBackend
) -> None:
    found = similar(kept, SimilarityRequest(text="a dog", models=named(model)))
    assert len(found) == 3
    scores = [match.score for match in found]
    assert scores == sorted(scores, reverse=True)
    assert "cosine" in found[0].why
    assert "“a dog”" in found[0].why
    own = f"{found[0].video_id}:{found[0].why.partition(':')[0]}"
    others = similar(kept, SimilarityRequest(own, models=named(model)))
    assert {match.annotation_ids for match in others} == {match.annotation_ids for match in found[1:]}


@pytest.mark.long
def test_pictures_are_looked_at_once_and_kept(
    model: Path, kept: StorageBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = SimilarityRequest(text="a dog", models=named(model))
    first = similar(kept, request)
    monkeypatch.setattr(PictureTextModel, "pictures", lambda *_: pytest.fail("a picture is looked at again"))
    assert similar(kept, request) == first


@pytest.mark.long
def test_a_query_asks_by_text_with_the_model_in_the_folder_of_weights(
    model: Path, kept: StorageBackend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAENGINE_MODELS", str(model.parent))
    asked = query_of(
        "find: {kind: scene, similar: {text: a dog, count: 2}}\nwhere: [{duration: true, gt: 0.9}]"
    )
    expected = similar(kept, SimilarityRequest(text="a dog"))
    long = [match.annotation_ids for match in expected[:2] if match.end_s - match.start_s > 0.9]
    assert [match.annotation_ids for match in answers_of(kept, asked)] == long
    assert outcome(["similar", "--text", "a dog", "-k", "1", "--json", "--db", kept.url]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert tuple(first["annotation_ids"]) == expected[0].annotation_ids


def test_without_a_model_there_is_one_clear_line(kept: StorageBackend, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--set models\.scenes=DIR"):
        similar(kept, SimilarityRequest(text="a dog"))
    with pytest.raises(ModelError, match=r"no config\.json"):
        similar(kept, SimilarityRequest(text="a dog", models=named(tmp_path)))
    with pytest.raises(UsageError, match="say what to find the like of"):
        SimilarityRequest()
    with pytest.raises(UsageError, match="that is for scenes"):
        query_of("find: {kind: face, similar: {text: a dog}}")
