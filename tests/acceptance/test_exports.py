"""A real run of all four pipelines leaves in every format, and readers of others open each of them."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import pytest

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, SPEECH
from tests.support.media import collection
from tests.support.readers.readers import read_by
from tests.support.runs import commands
from vaengine import open_store
from vaengine.exporting.registry import MODULES

pytestmark = [pytest.mark.long, pytest.mark.shared, pytest.mark.timeout(1800)]
READERS = {
    "csv": ("csv_duckdb", "csv_pandas"),
    "parquet": ("parquet_pandas", "parquet_duckdb"),
    "coco": ("coco_pycocotools", "coco_kwcoco", "coco_datumaro"),
    "yolo": ("yolo_supervision", "yolo_datumaro"),
    "mot": ("mot_motmetrics", "mot_trackeval", "mot_datumaro"),
    "webvtt": ("webvtt", "webvtt_pysubs2"),
    "srt": ("srt",),
    "rttm": ("rttm",),
    "boris": ("boris",),
    "elan": ("elan_pympi", "elan_speach"),
    "textgrid": ("textgrid_praatio", "textgrid_textgrid"),
    "cvat": ("cvat_datumaro",),
    "fiftyone": ("fiftyone_eta", "fiftyone_importers"),
    "labelstudio": ("labelstudio",),
    "imagefolder": ("imagefolder_datasets",),
}


class Run:
    """The results of a run, and its exports."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.out, self.environment = folder, folder / "out", environment

    def told(self, *words: str | Path) -> dict[str, Any]:
        done = commands.finished(*words, "--out", self.out, env=self.environment, patience_s=800)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        return json.loads(lines[-1]) if "--json" in words else {}

    def counts(self) -> Counter[str]:
        with closing(open_store(f"sqlite:///{self.out}/batch_processing.db")) as store:
            return Counter(
                row["annotation_type"]
                for job in store.jobs()
                for pipeline in job.pipeline_results
                for row in store.load_annotations(job.job_id, pipeline)
            )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, empty_cache: Path) -> Run:
    """The run, and a person who has a name with an umlaut."""
    folder = tmp_path_factory.mktemp("exports")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("VAENGINE_")}
    own = Run(folder, {**outside, "VAENGINE_OFFLINE": "1", "XDG_CACHE_HOME": str(empty_cache)})
    videos = collection.collection(folder / "videos")
    own.told(
        "run",
        *videos,
        *("--cluster", "none"),
        *collection.settings(collection.stand_in_classifier(folder / "laughter")),
    )
    own.told("identities", "build")
    own.told("person", "name", "meeting:face_0001", "Jörg & Söhne")
    return own


def test_every_format_is_written_and_opened(run: Run) -> None:
    counts = run.counts()
    assert min(counts[kind] for kind in (PERSON_DETECTION, FACE_DETECTION, SPEECH, "scene", "word")) > 0
    found: dict[str, Any] = {}
    for name in MODULES:
        pictures = ("--pictures",) if name in ("coco", "mot") else ()
        export = run.told("export", name, *pictures, "--json")
        folder = Path(export["folder"])
        manifest = json.loads((folder / "vaengine_export.json").read_text(encoding="utf-8"))
        assert manifest["rows"] == {kind: counts[kind] for kind in manifest["rows"]}
        assert all((folder / file).stat().st_size == size for file, size in manifest["files"].items())
        unheld = {loss["kind"]: loss["rows"] for loss in manifest["losses"] if "no place" in loss["reason"]}
        assert unheld == {kind: number for kind, number in counts.items() if kind not in manifest["rows"]}
        found |= {reader: read_by(reader, folder) for reader in READERS.get(name, ())}

    boxes = counts[PERSON_DETECTION] + counts[FACE_DETECTION]
    assert found["csv_duckdb"][PERSON_DETECTION] == counts[PERSON_DETECTION]
    assert len(found["coco_pycocotools"]) == len(found["coco_datumaro"]) == boxes
    assert sum(len(one) for one in found["yolo_supervision"]["boxes"].values()) == found["yolo_datumaro"]
    assert 0.99 * boxes <= found["yolo_datumaro"] <= boxes, "a few lie outside the picture"
    assert sum(map(len, found["fiftyone_eta"].values())) == boxes
    assert sum(found["fiftyone_importers"]["boxes"].values()) == boxes
    assert sum(len(one[3]) for one in found["imagefolder_datasets"]) == boxes
    assert found["boris"]["integrity"] == ""
    assert all(one["check"][0] for one in found["boris"]["observations"].values())
    assert any("Jörg & Söhne" in name for tiers in found["elan_pympi"].values() for name in tiers)
    assert all(task["faults"] == [] for task in found["labelstudio"].values())


def test_a_picture_is_the_frame_that_its_name_says(run: Run) -> None:
    """The pictures of COCO have the size of the video, and are those that `datasets` opened, too."""
    folder = run.out / "exports/coco/images/default"
    pictures = sorted(folder.glob("*/*.jpg"))
    assert pictures
    other = run.out / "exports/imagefolder/train" / f"{pictures[0].parent.name}_{pictures[0].name}"
    assert cv2.imread(str(pictures[0])).shape == cv2.imread(str(other)).shape
    assert pictures[0].read_bytes() == other.read_bytes()
