"""An export is the same to the byte from whichever store the results lie in."""

from __future__ import annotations

from pathlib import Path

import pytest

import vaengine
from tests.contract.conftest import STORES
from tests.support.stores.exported import collection, stored
from vaengine.exporting.output_folder import MANIFEST
from vaengine.exporting.values.options import ExportOptions

# Formats that take row after row from the store, in the order in which it gives them.
STREAMED = ("csv", "parquet", "coco", "yolo", "mot", "viame", "fiftyone", "videoannotator")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The files of each format from a store of files."""
    folder = tmp_path_factory.mktemp("wanted")
    return exported(filled(f"files:{folder}/store"), folder)


def filled(url: str) -> str:
    films = collection()
    return stored(url, [films[name] for name in ("unicode", "empty", "uneven", "sound")])


def exported(url: str, folder: Path) -> dict[str, dict[str, bytes]]:
    """The content of each file by format and name, but for the manifest, which names the store."""
    options = ExportOptions(pictures=False)
    return {
        name: contents(vaengine.export(name, folder / name, db=url, options=options).folder)
        for name in STREAMED
    }


def contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("store", sorted(STORES.keys() - {"files"}))
def test_an_export_is_the_same_to_the_byte_from_every_store(
    wanted: dict[str, dict[str, bytes]], tmp_path: Path, store: str
) -> None:
    found = exported(filled(STORES[store](tmp_path / "store")), tmp_path / "exports")
    for name in STREAMED:
        assert found[name].keys() == wanted[name].keys()
        different = [file for file, content in wanted[name].items() if found[name][file] != content]
        assert not different, name
