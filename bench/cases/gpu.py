"""What only a GPU can tell: its tests, the model alone and in its worker, faces, and whole runs.

`python -m bench.cases.gpu PART FILE` measures one part and keeps it as JSON after each measurement, so that
what ends it costs only what comes after. `bench/gpu.sh` has all parts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from actors.coordination.coordinator import Coordinator
from actors.coordination.links import DirectLinks
from bench.cases.gpu_runs import (
    Measured,
    balanced,
    clips_in_folder,
    engine,
    messages_of,
    pictures_of,
)
from bench.harness.gpu_samples import on_gpu
from bench.harness.timed_detector import MESSAGES, SlowFinalizer, call_until
from bench.harness.timed_detector import main as busy_shares
from bench.harness.timing import WARM_CALLS, rate, ratios
from schemas.settings.settings import Settings
from schemas.work.messages import FramesMessage
from schemas.work.progress import Worker

PROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"
FACES: Final = 16  # pictures at once
SECONDS: Final = 8.0  # of each measurement of pictures a second
LIBRARY: Final = "FaceAnalysis.get"


def keep(part: Iterable[tuple[str, Any]], path: Path) -> dict[str, Any]:
    """Write what was measured so far after each measurement; returns all of it."""
    measured: dict[str, Any] = {}
    for name, value in part:
        measured[name] = value
        path.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    return measured


def required(project: Path = PROJECT) -> list[str]:
    """The names of what the project and its tests depend on, and of the extra for GPUs."""
    told = tomllib.loads(project.read_text(encoding="utf-8"))
    own, groups = told["project"], told["dependency-groups"]
    requirements = [*own["dependencies"], *own["optional-dependencies"]["gpu"], *groups["test"]]
    return [re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requirements]


def versions(names: Iterable[str]) -> dict[str, str | None]:
    """The installed versions of packages; None for one that is missing."""
    return {name: _version(name) for name in names}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def machine() -> Measured:
    """The GPU, its driver, and what is installed."""
    import platform

    yield "python", platform.python_version()
    yield "packages", versions(required())
    import pynvml

    pynvml.nvmlInit()
    yield "driver", pynvml.nvmlSystemGetDriverVersion()
    yield "gpu", pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(0))
    import torch

    yield "torch_sees", torch.cuda.get_device_name(0)


def tests() -> Measured:
    """The outcome of each test marked `gpu`, as it ends; raises `RuntimeError` where not all passed."""
    words = [sys.executable, "-m", "pytest", "-m", "gpu", "-n", "0", "-v", "tests/contract/runtimes"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            sys.stdout.write(line)
            if (outcome := outcome_in(line)) is not None:
                yield outcome
    if process.returncode:
        raise RuntimeError(f"pytest ended with {process.returncode}")


def outcome_in(line: str) -> tuple[str, str] | None:
    """The test and its outcome in a line of pytest; None in other lines."""
    told = re.match(r"(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED)\b", line)
    return (told[1], told[2].lower()) if told else None


def overlap() -> Measured:
    """How busy a model is whose steps only take time: what the threads of this machine cost."""
    yield "busy_share", busy_shares()


def model() -> Measured:
    """Pictures a second of the network alone, of the detector, and of the worker in both of its ways."""
    from actors.stages.batching import detector_named
    from bench.rivals.ultralytics_loop import WEIGHTS

    with clips_in_folder() as clips:
        settings, messages = messages_of(clips)
    yield "model", {"weights": WEIGHTS.name, "by": settings.person.runtime, "as": settings.person.precision}
    detector: Any = detector_named(settings)
    pictures = pictures_of(messages, detector.batch_size)
    prepared = detector.prepare(pictures)
    works: dict[str, Callable[[], object]] = {
        "network alone": lambda: detector.run(prepared),
        "detector": lambda: detector.detect(pictures),
    }
    for name, work in works.items():
        yield name, on_gpu(partial(rate, work, len(pictures), SECONDS))
    for name, overlapped in (("worker, one after the other", False), ("worker, overlapped", True)):
        yield name, on_gpu(partial(worker_rate, settings, messages, overlapped=overlapped))


def worker_rate(settings: Settings, messages: Sequence[FramesMessage], *, overlapped: bool) -> float:
    """Pictures a second through the worker of models, with callers that always wait."""
    from actors.stages.cluster_workers import VisionWorker

    links = DirectLinks(Coordinator(), SlowFinalizer(0.0), Worker("node", "host", 1))
    worker = VisionWorker(lambda: links, settings, MESSAGES, overlapped=overlapped)
    for message in messages[:WARM_CALLS]:
        worker.look(message)
    began_s = time.perf_counter()
    looked = call_until(
        worker.look,
        lambda number: of_its_own(messages[number % len(messages)], number),
        lambda: time.perf_counter() - began_s >= SECONDS,
    )
    seconds = time.perf_counter() - began_s
    worker.close()
    return sum(len(messages[number % len(messages)].frames) for number in range(looked)) / seconds


def of_its_own(message: FramesMessage, number: int) -> FramesMessage:
    """The same frames as a message of another chunk and video."""
    return replace(message, chunk_id=f"chunk-{number}", video_id=f"video-{number}")


def faces() -> Measured:
    """Pictures a second of the engine's detector of faces, many at once, and of the library."""
    from actors.faces.detector import pack_faces
    from bench.cases.faces import SCRFD, talkers

    pictures = [shown.picture for shown in itertools.islice(itertools.cycle(talkers()), FACES)]
    detector = pack_faces(SCRFD.model_copy(update={"device": "cuda"}), batch=FACES)
    analysis = library_faces()
    works: dict[str, Callable[[], object]] = {
        f"engine, batch {FACES}": lambda: detector.detect(pictures),
        LIBRARY: lambda: [analysis.get(picture[:, :, ::-1]) for picture in pictures],
    }
    rates = {}
    for name, work in works.items():
        measured = on_gpu(partial(rate, work, FACES, SECONDS))
        rates[name] = measured["pictures_per_s"]
        yield name, measured
    yield f"over {LIBRARY}", ratios(rates, LIBRARY)


def library_faces() -> Any:
    """InsightFace on the GPU, as its manual recommends it."""
    from insightface.app import FaceAnalysis

    from bench.cases.faces import ONCE, PACK, PACKS, SCRFD

    analysis = FaceAnalysis(name=PACK, root=str(PACKS), providers=["CUDAExecutionProvider"])
    analysis.prepare(ctx_id=0, det_size=ONCE, det_thresh=SCRFD.min_confidence)
    return analysis


PARTS: Final[Mapping[str, Callable[[], Measured]]] = {
    "machine": machine,
    "tests": tests,
    "overlap": overlap,
    "model": model,
    "faces": faces,
    "engine": engine,
    "balanced": balanced,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure a part and keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.cases.gpu", description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    keep(PARTS[options.part](), options.file)


if __name__ == "__main__":
    main()
