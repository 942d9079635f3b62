"""What made a result: stored with its job and in its document, whatever job it is, and no part of what a
result is known by.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from actors.stores.encoding.documents import pipeline_bytes
from actors.stores.rules.states import canonical_states
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.settings.settings import AudioSettings, FaceSettings, PersonSettings, Settings, config_hash
from schemas.work.provenance import info_of, provenance_of
from tests.support.stores.fake_videos import Clip
from vaengine.planning.backlog import job_config
from vaengine.requests.request import RunRequest

CLIP = Clip()
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
DIGEST = "0ebb" * 16
YOLO = PersonSettings(detector="yolo", weights="/models/yolo11n.pt", weights_sha256=DIGEST, runtime="onnx")


def request(person: PersonSettings, pipelines: tuple[str, ...] = (SCENE, PERSON)) -> RunRequest:
    presets = dict.fromkeys(pipelines, "fast")
    return RunRequest(
        ("/clips/a.mp4",), pipelines, Settings(person=person), Path("/out"), "files:/out", presets=presets
    )


def test_a_job_is_stored_with_the_name_and_digest_of_its_model_file_and_no_path() -> None:
    config = job_config(request(YOLO))
    assert config["models"] == {PERSON: {"file": "yolo11n.pt", "sha256": DIGEST}}
    assert "/models" not in json.dumps(config)


@pytest.mark.parametrize(
    ("person", "pipelines"),
    [(PersonSettings(), (SCENE, PERSON)), (YOLO, (SCENE,))],
    ids=["hog", "scenes alone"],
)
def test_what_loads_no_model_file_names_none(person: PersonSettings, pipelines: tuple[str, ...]) -> None:
    assert job_config(request(person, pipelines))["models"] == {}


def test_where_weights_lie_and_what_they_are_called_changes_nothing_a_result_is_known_by() -> None:
    elsewhere = YOLO.model_copy(update={"weights": "/elsewhere/mine.pt"})
    ours, theirs = (
        replace(CLIP.job(PERSONS), config=job_config(request(person))) for person in (YOLO, elsewhere)
    )
    assert ours.config != theirs.config
    assert config_hash(Settings(person=YOLO), PERSON) == config_hash(Settings(person=elsewhere), PERSON)
    assert canonical_states(ours) == canonical_states(theirs)


def test_a_document_tells_the_model_file_and_digest_and_configuration() -> None:
    job = replace(CLIP.job(PERSONS), config=job_config(request(YOLO)))
    info = json.loads(pipeline_bytes(job, job.pipeline_results[PERSON], CLIP.video, []))["info"]
    assert info["model"] == {"file": "yolo11n.pt", "sha256": DIGEST}
    assert info["configuration"]["person"]["runtime"] == "onnx"
    assert info["preset"] == "fast"


def test_provenance_is_the_same_from_a_job_and_from_its_document() -> None:
    job = replace(CLIP.job(SCENES, PERSONS), config=job_config(request(YOLO)))
    for pipeline, result in job.pipeline_results.items():
        info = json.loads(pipeline_bytes(job, result, CLIP.video, []))["info"]
        assert provenance_of(pipeline, info) == provenance_of(pipeline, info_of(job, pipeline))
    assert provenance_of(SCENE, info_of(job, SCENE)) == {"preset": "fast", "detector": "content"}
    assert provenance_of(PERSON, info_of(job, PERSON)) == {
        "preset": "fast",
        "detector": "yolo",
        "model": "yolo11n.pt",
        "sha256": DIGEST,
        "runtime": "onnx",
        "tracker": "bytetrack",
    }


def test_a_job_from_before_model_files_were_named_tells_the_digest_that_its_configuration_has() -> None:
    config = {name: part for name, part in job_config(request(YOLO)).items() if name != "models"}
    info = info_of(replace(CLIP.job(PERSONS), config=config), PERSON)
    assert info["model"] is None
    assert provenance_of(PERSON, info)["sha256"] == DIGEST


@pytest.mark.parametrize(
    "config", [{}, {"models": "yolo", "presets": None, "pipelines": 3}, {"person": ["hog"]}], ids=str
)
def test_a_job_that_was_configured_by_hand_tells_what_it_has(config: dict[str, object]) -> None:
    info = info_of(replace(CLIP.job(PERSONS), config=config), PERSON)
    assert info == {"configuration": config, "preset": None, "model": None}
    assert provenance_of(PERSON, info) == {}


def test_faces_tell_their_pack_and_sound_its_models() -> None:
    settings = Settings(
        face=FaceSettings(detector="scrfd", pack="/packs/buffalo_l", pack_sha256=DIGEST, device="cpu"),
        audio=AudioSettings(
            model="/models/small",
            model_sha256=DIGEST,
            compute_type="int8",
            speakers="on",
            events_model="/models/ast",
        ),
    )
    asked = RunRequest(
        ("/clips/a.mp4",), (FACE, AUDIO), settings, Path("/out"), "files:/out", presets={FACE: "fast"}
    )
    job = replace(CLIP.job(CLIP.key(FACE), CLIP.key(AUDIO)), config=job_config(asked))
    face, audio = (provenance_of(pipeline, info_of(job, pipeline)) for pipeline in (FACE, AUDIO))
    assert face == {
        "preset": "fast",
        "detector": "scrfd",
        "model": "buffalo_l",
        "sha256": DIGEST,
        "device": "cpu",
    }
    assert audio.items() >= {"model": "small", "sha256": DIGEST, "precision": "int8", "events": "ast"}.items()
    assert audio["speakers"] == "speaker-diarization-community-1"
    assert "/models" not in json.dumps(job.config)
