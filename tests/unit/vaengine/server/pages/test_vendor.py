"""The libraries that the pages come with."""

import json

from vaengine.server.pages import STATIC
from vaengine.server.pages.vendor import FOLDER, PACKAGES, RECORD, sha256_of


def test_every_file_has_the_digest_that_is_noted_and_every_package_its_licence() -> None:
    records = {record["package"]: record for record in json.loads((FOLDER / RECORD).read_text("utf-8"))}
    assert {package.name: package.version for package in PACKAGES} == {
        name: record["version"] for name, record in records.items()
    }
    noted = {name: digest for record in records.values() for name, digest in record["sha256"].items()}
    assert noted == {path.name: sha256_of(path) for path in FOLDER.iterdir() if path.name != RECORD}
    assert all(f"{name}.LICENSE" in noted for name in records)


def test_pages_ask_for_nothing_from_elsewhere() -> None:
    own = [
        path
        for path in STATIC.rglob("*")
        if path.suffix in (".js", ".css", ".html") and FOLDER not in path.parents
    ]
    assert own
    for path in own:
        text = path.read_text("utf-8")
        assert "http://" not in text, path
        assert "https://" not in text, path
        assert "unsafe" not in text.replace("unsafeHTML", "unsafe"), path
