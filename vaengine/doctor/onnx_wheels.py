"""Checks the two wheels of onnxruntime, which own the same files: are they whole, do they suit the machine?

Nothing is imported: a mix of the two may not even load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackagePath, distributions
from itertools import islice
from pathlib import Path
from typing import Final

from vaengine.doctor.check import Check

PLAIN: Final = "onnxruntime"
GPU: Final = "onnxruntime-gpu"
CUDA_12: Final = (
    ">=1.21,<1.27",
    (1, 27),
)  # from 1.27 on it is built for CUDA 13; torch 2.8, which whisperX pins, brings CUDA 12
TELLING: Final = (
    "onnxruntime/capi/*.so*",
    "onnxruntime/capi/build_and_package_info.py",
)  # of other sizes in each


@dataclass(frozen=True, slots=True)
class Wheel:
    """An installed wheel; `torn` are files of it that are gone or no longer what it brought."""

    name: str
    version: str
    torn: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def wheels() -> list[Wheel]:
    """Those of the two that are installed, held to the sizes in their own lists of files."""
    found = [(name, each) for name in (PLAIN, GPU) for each in islice(distributions(name=name), 1)]
    return [Wheel(name, each.version, tuple(_torn(each.files or ()))) for name, each in found]


def _torn(files: Iterable[PackagePath]) -> Iterator[str]:
    for file in files:
        if any(file.match(pattern) for pattern in TELLING):
            path = Path(file.locate())
            if not path.is_file() or path.stat().st_size != file.size:
                yield file.name


def onnx_check(found: Sequence[Wheel], *, gpu: bool, cuda_12: bool = False) -> Check:
    """One whole wheel, the one for the GPU where there is a GPU and of the CUDA that torch brings."""
    if not found:
        return Check(PLAIN, "fail", "not installed", f"pip install {PLAIN}")
    if len(found) > 1:
        return _both(found, gpu=gpu)
    (wheel,) = found
    if wheel.torn:
        cure = f"pip install --force-reinstall --no-deps {wheel.name}=={wheel.version}"
        return Check(
            PLAIN, "fail", f"{wheel}, but {', '.join(wheel.torn)} are another wheel's, or gone", cure
        )
    if gpu and wheel.name == PLAIN:
        return Check(
            PLAIN, "warn", f"{wheel}: faces run on the processor", f"to use the GPU: {_install(gpu=True)}"
        )
    if wheel.name == GPU and cuda_12 and _numbers(wheel.version) >= CUDA_12[1]:
        return Check(
            PLAIN,
            "warn",
            f"{wheel} is built for CUDA 13, torch brings CUDA 12: faces run on the processor",
            _install(gpu=True),
        )
    return Check(PLAIN, "ok", str(wheel))


def _both(found: Sequence[Wheel], *, gpu: bool) -> Check:
    """Whichever came last has its files there, unless the two are mixed."""
    names = " and ".join(map(str, found))
    whole = [wheel.name for wheel in found if not wheel.torn]
    whose = f"the files are those of {whole[0]}" if whole else "the files are a mix of both"
    return Check(
        PLAIN, "warn" if whole else "fail", f"{names} overwrite each other; {whose}", _install(gpu=gpu)
    )


def _install(*, gpu: bool) -> str:
    wanted = f'"{GPU}{CUDA_12[0]}"' if gpu else PLAIN
    return f"pip uninstall -y {PLAIN} {GPU} && pip install {wanted}"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
