"""Which decoders of a pool are handed how much, without Ray."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from actors.stages.stages import ActorNames
from cluster.autoscaling import Resources
from cluster.placement import Demand
from schemas.settings.settings import Settings
from schemas.work.progress import Worker
from tests.support.runs import planned
from vaengine.backends.chunk_pool import ChunkPool
from vaengine.backends.node_workers import PREFETCHED, Decoder
from vaengine.backends.resource_requests import ResourceRequests
from vaengine.planning.plan import chunk_spec
from vaengine.planning.work_queue import WorkQueue

CHUNKS, CHUNK_S = 160, 1.0


def decoder(*, ready: bool) -> Decoder:
    actor = SimpleNamespace(decode=SimpleNamespace(remote=lambda chunks, models: object()))
    return Decoder(actor, object(), Worker("node", "host", 1) if ready else None)


def pool_of(decoders: list[Decoder]) -> ChunkPool:
    settings = Settings()
    requests = ResourceRequests(
        Resources(8), settings.engine, uses_gpu=False, wait_for=lambda _missing, _there: None
    )
    pool = ChunkPool(ActorNames("nobody", 1), settings, Demand(0, vision=False), requests, nodes=lambda: [])
    node: Any = SimpleNamespace(node_id="node", decoders=decoders, models=[], is_leaving=False)
    pool._nodes = {"node": node}
    return pool


def queue_of(chunks: int) -> WorkQueue:
    spec = chunk_spec(planned.video(25, 25), 0, 25)
    return WorkQueue([[spec] for _ in range(chunks)], CHUNK_S)


def held(own: Decoder) -> int:
    return sum(len(item.chunks) for item in own.items.values())


def test_whoever_is_ready_first_leaves_their_share_to_those_that_still_start() -> None:
    decoders = [decoder(ready=number == 0) for number in range(8)]
    pool_of(decoders)._hand_out(queue_of(CHUNKS))
    assert len(decoders[0].items) == PREFETCHED
    assert held(decoders[0]) < CHUNKS / len(decoders)
    assert not any(held(own) for own in decoders[1:])


def test_at_the_end_a_slow_decoder_is_handed_nothing_that_a_fast_one_would_end_before() -> None:
    slow, fast = decoder(ready=True), decoder(ready=True)
    slow.clock.pace, fast.clock.pace = 10.0, 1.0
    waiting = queue_of(4)
    pool_of([slow, fast])._hand_out(waiting)
    assert (held(slow), held(fast), len(waiting)) == (0, PREFETCHED, 2)
