"""A store of videos of every hard kind, and what is exported from it."""

from __future__ import annotations

from pathlib import Path

import vaengine
from schemas.annotations.annotation import Annotation
from tests.support.stores.exported import Filmed, collection, stored
from vaengine.exporting.values.options import ExportOptions


class ExportedStore:
    """A store of six videos, and its exports, each written once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.films = folder, {one.video.video_id: one for one in collection().values()}
        self.url = stored(f"sqlite:///{folder}/store.db", list(self.films.values()))

    def to(self, name: str) -> Path:
        folder = self.folder / name
        if not folder.exists():
            vaengine.export(name, folder, db=self.url, options=ExportOptions(pictures=False))
        return folder

    def rows(self, *kinds: str) -> list[Annotation]:
        return [row for film in self.films.values() for row in film.of(*kinds)]

    def pictured(self) -> dict[str, Filmed]:
        return {name: film for name, film in self.films.items() if film.video.has_pictures}
