"""Fetches the two libraries of the pages, and notes what they are: `python -m vaengine.server.pages.vendor`.

npm checks each package against its registry. What is fetched is kept in the repository, so that neither a
user nor a page ever asks for it. A test holds the files to the digests in `vendor.json`.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "static" / "vendor"
RECORD: Final = "vendor.json"


@dataclass(frozen=True, slots=True)
class Package:
    """An npm package, the files of it that pages use, and its licence."""

    name: str
    version: str
    licence: str
    files: tuple[str, ...]


PACKAGES: Final = (
    Package("lit-html", "3.3.3", "BSD-3-Clause", ("lit-html.js",)),
    Package("uplot", "1.6.32", "MIT", ("dist/uPlot.esm.js", "dist/uPlot.min.css")),
)


def main() -> int:
    """Fetch all packages into `FOLDER`; returns the exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    records = [_fetched(package) for package in PACKAGES]
    (FOLDER / RECORD).write_text(json.dumps(records, indent=2) + "\n", "utf-8")
    return 0


def sha256_of(path: Path) -> str:
    """The sha256 of a file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _fetched(package: Package) -> Mapping[str, Any]:
    """Unpack the named files and the licence of a package; returns what `vendor.json` says of them."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", f"{package.name}@{package.version}", "--json", "--silent"]
        told = json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)[0]
        with tarfile.open(Path(folder) / told["filename"]) as archive:
            digests = {_kept(archive, f"package/{name}", Path(name).name) for name in package.files} | {
                _kept(archive, "package/LICENSE", f"{package.name}.LICENSE")
            }
    return {
        "package": package.name,
        "version": package.version,
        "licence": package.licence,
        "integrity": told["integrity"],
        "sha256": dict(sorted(digests)),
    }


def _kept(archive: tarfile.TarFile, member: str, name: str) -> tuple[str, str]:
    source = archive.extractfile(member)
    if source is None:
        raise FileNotFoundError(member)
    (FOLDER / name).write_bytes(source.read())
    return name, sha256_of(FOLDER / name)


if __name__ == "__main__":
    sys.exit(main())
