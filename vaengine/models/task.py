"""Reads which task a model file was trained for, without running anything in it.

Names in a pickle are listed, never looked up.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from schemas.errors import DamagedWeights, UnsuitableWeights
from schemas.settings.models import Task

ULTRALYTICS: Final = "ultralytics.nn.tasks"
TASKS: Final[dict[str, Task]] = {"DetectionModel": "detect", "PoseModel": "pose"}
PICKLE_LIMIT: Final = 64 * 1024**2  # bytes; that of YOLO11x has less than one MiB
_NAME_OPCODES: Final = ("GLOBAL", "INST", "STACK_GLOBAL")
_PUT_OPCODES: Final = ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT")  # MEMOIZE takes the next number
_GET_OPCODES: Final = ("GET", "BINGET", "LONG_BINGET")
MISTAKEN: Final = {
    b"version https://git-lfs": "it is a pointer of Git LFS, not the file itself (`git lfs pull` gets it)",
    b"<": "it is a web page, not the file itself",
    b"{": "it is text, not weights",
}


def task_of(path: Path) -> Task:
    """The task of the model in a file or an OpenVINO folder: `detect` or `pose`.

    Raises `DamagedWeights` for an unreadable file, `UnsuitableWeights` for another or an unknown task.
    """
    if path.is_dir():
        return _openvino_task(path)
    readers = {".pt": _torch_task, ".pth": _torch_task, ".onnx": _onnx_task}
    if path.suffix.lower() not in readers:
        raise UnsuitableWeights(
            str(path), "only .pt, .onnx and *_openvino_model say what they were trained for"
        )
    _refuse_mistaken(path)
    return readers[path.suffix.lower()](path)


def _refuse_mistaken(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise DamagedWeights(str(path), error.strerror or str(error)) from error
    if not head:
        raise DamagedWeights(str(path), "it is empty (0 bytes)")
    for start, mistake in MISTAKEN.items():
        if head.lstrip().startswith(start):
            raise DamagedWeights(str(path), mistake)


def _torch_task(path: Path) -> Task:
    """The task of the one class of `ultralytics.nn.tasks` that the archive's pickle names."""
    try:
        names = frozenset(global_names(_pickle_in(path)))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError) as error:
        raise DamagedWeights(str(path), f"it is no whole archive of PyTorch ({error})") from error
    models = sorted(name for module, name in names if module == ULTRALYTICS)
    tasks = {TASKS[name] for name in models if name in TASKS}
    if len(tasks) != 1:
        raise UnsuitableWeights(str(path), f"it holds {', '.join(models) or 'no model of ultralytics'}")
    return tasks.pop()


def _pickle_in(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.split("/")[1:] == ["data.pkl"]]
        if len(members) != 1:
            raise zipfile.BadZipFile("there is no data.pkl in it")
        if members[0].file_size > PICKLE_LIMIT:
            raise zipfile.BadZipFile(f"its data.pkl has {members[0].file_size:,} bytes")
        return archive.read(members[0])


def global_names(pickled: bytes) -> Iterator[tuple[str, str]]:
    """(module, name) of everything that unpickling would look up; nothing is looked up.

    Protocols up to 3 write both into one opcode; later ones push two strings, which may come from the memo.
    Raises `ValueError` for anything but a pickle.
    """
    memo: dict[int, str] = {}
    last: tuple[str, str] = ("", "")  # the two topmost entries of the stack, where they are strings
    for opcode, argument, _ in pickletools.genops(io.BytesIO(pickled)):
        if opcode.name in _NAME_OPCODES:
            yield last if opcode.name == "STACK_GLOBAL" else _split(str(argument))
        if opcode.name in _PUT_OPCODES:
            memo[len(memo) if argument is None else int(argument)] = last[1]
        elif opcode.name in _GET_OPCODES:
            last = last[1], memo.get(int(argument or 0), "")
        elif opcode.stack_after:
            last = last[1], argument if isinstance(argument, str) else ""


def _split(argument: str) -> tuple[str, str]:
    module, _, name = argument.partition(" ")
    return module, name


def _openvino_task(folder: Path) -> Task:
    import yaml

    from actors.model_files.files import openvino_parts

    openvino_parts(folder)
    path = folder / "metadata.yaml"
    try:
        metadata = yaml.safe_load(path.read_bytes())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DamagedWeights(str(path), f"it cannot be read ({' '.join(str(error).split())})") from error
    return _named_task(folder, metadata.get("task") if isinstance(metadata, dict) else None)


def _onnx_task(path: Path) -> Task:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4  # fatal: what is wrong is in the exception too
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no other base class
        raise DamagedWeights(str(path), f"it is no ONNX model ({' '.join(str(error).split())})") from error
    return _named_task(path, session.get_modelmeta().custom_metadata_map.get("task"))


def _named_task(path: Path, named: object) -> Task:
    for task in TASKS.values():
        if task == named:
            return task
    raise UnsuitableWeights(
        str(path), f"its task is {named!r}" if named else "it does not say what it was trained for"
    )
