"""How far files are probed ahead of the work."""

from __future__ import annotations

import pytest

from schemas.media.video import Video
from tests.support import planned
from vaengine.planning.probing import AHEAD, ProbedVideo, Probing


def test_files_are_probed_only_so_far_ahead_of_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    probed: list[str] = []
    clip = planned.video(25, 25)

    def probe(self: Probing, path: str, known: Video | None) -> ProbedVideo:
        probed.append(path)
        return ProbedVideo(path, path, path, clip)

    monkeypatch.setattr(Probing, "_reuse_or_probe", probe)
    paths = [f"/videos/{number}.mp4" for number in range(AHEAD + 500)]
    probing = Probing(paths, {})
    served = [one for _ in range(300) for one in probing.page(max_chunks=1, chunk_s=15.0)]
    probing._pool.shutdown(wait=True)
    assert (len(served), len(probed)) == (300, AHEAD + 300)
    assert not probing.exhausted
