"""A made-up collection for the server: videos of every state, with hostile names, and an app over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from actors.stores import open_store
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.chunk import WorkKey
from tests.support.servers.vaengine_server import TOKEN
from tests.support.stores.fake_videos import RUN, Clip, broken, done
from vaengine.server.app import make_app
from vaengine.server.settings import ServerSettings

BASE = "http://127.0.0.1"
DONE = Clip("/clips/garden.mp4", "a")
FAILED = Clip("/clips/<script>alert(1)</script> ü.mp4", "b", 250)
PENDING = Clip("/clips/' OR 1=1 --.mp4", "c", 50)
CLIPS = (DONE, FAILED, PENDING)


def fill(store: StorageBackend) -> int:
    """Registers all clips; one is complete, one failed, one is pending. Returns the epoch, which goes on."""
    epoch = store.open_run(RUN)
    store.register(epoch, [clip.video for clip in CLIPS], [clip.job(*keys_of(clip)) for clip in CLIPS])
    job = DONE.job(*keys_of(DONE))
    scenes, persons = keys_of(DONE)
    store.finish(epoch, done(job, scenes, DONE.scenes(scenes, (50,))))
    boxes = DONE.boxes(persons, 0, 10, "person_0001", per_frame=1)
    store.finish(epoch, done(job, persons, (*boxes, DONE.track(persons, "person_0001"))))
    for key in keys_of(FAILED):
        store.finish(epoch, broken(FAILED.job(*keys_of(FAILED)), key))
    return epoch


def keys_of(clip: Clip) -> tuple[WorkKey, WorkKey]:
    """The work keys of its two pipelines."""
    return clip.key(SCENE), clip.key(PERSON)


def settings_of(url: str, folder: Path, **changes: Any) -> ServerSettings:
    return ServerSettings(url, str(folder), TOKEN, **changes)


@contextmanager
def client_of(settings: ServerSettings, *, token: str | None = TOKEN) -> Iterator[TestClient]:
    """A client of the app in this process, which knows the token."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    with TestClient(
        make_app(settings), base_url=BASE, headers=headers, raise_server_exceptions=False
    ) as client:
        yield client


@contextmanager
def filled_store(url: str) -> Iterator[StorageBackend]:
    with closing(open_store(url)) as store:
        fill(store)
        yield store
