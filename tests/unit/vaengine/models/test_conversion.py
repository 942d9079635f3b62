"""A checkpoint is converted once, by one process, and what goes wrong is one line that says what to do."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from schemas.errors import ModelError, UnsuitableWeights
from vaengine.models import conversion


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Conversions carried out, in a stand-in's way."""
    calls: list[str] = []

    def convert(weights: Path, sha256: str, target: Path, *, looks: bool) -> None:
        calls.append(target.name)
        target.write_bytes(b"onnx")

    monkeypatch.setattr(conversion, "_convert", convert)
    return calls


def test_the_same_checkpoint_is_converted_once_and_another_way_of_it_again(
    tmp_path: Path, made: list[str]
) -> None:
    first = conversion.converted(Path("best.pt"), "a" * 64, tmp_path, looks=False)
    assert conversion.converted(Path("best.pt"), "a" * 64, tmp_path, looks=False) == first
    assert conversion.converted(Path("best.pt"), "b" * 64, tmp_path, looks=False) != first
    assert conversion.converted(Path("best.pt"), "a" * 64, tmp_path, looks=True) != first
    assert len(made) == 3


def test_of_many_who_want_it_one_makes_it(tmp_path: Path, made: list[str]) -> None:
    threads = [
        threading.Thread(
            target=conversion.converted, args=(Path("best.pt"), "a" * 64, tmp_path), kwargs={"looks": False}
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_folder_that_cannot_be_written_is_named_with_the_cure(tmp_path: Path, made: list[str]) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(ModelError, match=r"models\.cache=DIR"):
        conversion.converted(Path("best.pt"), "a" * 64, tmp_path / "cache", looks=False)


def test_a_checkpoint_that_is_no_use_is_refused_with_the_reason(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pt"
    bad.write_bytes(b"no archive")
    with pytest.raises(UnsuitableWeights, match=r"bad\.pt has sha256|bad\.pt cannot be used: .*has sha256"):
        conversion.converted(bad, "a" * 64, tmp_path, looks=False)
    assert not list((tmp_path / "converted").glob("*.onnx"))
