"""Figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from vaengine.server.collection.index import Snapshot
from vaengine.server.collection.overview import OverviewFigures, overview_of
from vaengine.server.context import Collection, Context
from vaengine.server.error_answers import declared

router = APIRouter(tags=["metrics"])


class _Figures(Collector):
    """The figures of one moment."""

    def __init__(self, collection: Snapshot, streams: int) -> None:
        self._collection, self._streams = collection, streams

    def collect(self) -> Iterable[Metric]:
        figures = overview_of(self._collection, datetime.now(UTC))
        yield from _of_videos(figures)
        yield from _of_pipelines(figures)
        yield from self._of_runs()
        yield GaugeMetricFamily("vaengine_event_streams", "Clients that listen to events", self._streams)
        newest = self._collection.newest_event
        yield GaugeMetricFamily("vaengine_newest_event", "Number of the newest event of the store", newest)

    def _of_runs(self) -> Iterator[Metric]:
        names = {
            "realtime_factor": "Seconds of video done per second",
            "videos_per_hour": "Videos that end in an hour",
            "eta_s": "Seconds left",
            "videos_done": "Videos done by the run",
            "videos_total": "Videos of the run",
        }
        for name, text in names.items():
            metric = GaugeMetricFamily(
                f"vaengine_run_{name.replace('eta_s', 'eta_seconds')}", text, labels=["batch"]
            )
            for run in self._collection.live_runs:
                if (value := run.data().get(name)) is not None:
                    metric.add_metric([run.batch.batch_id], value)
            yield metric


def _of_videos(figures: OverviewFigures) -> Iterator[Metric]:
    videos = GaugeMetricFamily("vaengine_videos", "Videos by state", labels=["state"])
    seconds = GaugeMetricFamily("vaengine_video_seconds", "Length of the videos by state", labels=["state"])
    for state, each in figures.states.items():
        videos.add_metric([state], each.videos)
        seconds.add_metric([state], each.hours * 3600)
    yield from (videos, seconds)


def _of_pipelines(figures: OverviewFigures) -> Iterator[Metric]:
    labels = ["pipeline"]
    results = GaugeMetricFamily(
        "vaengine_results", "Results by pipeline and state", labels=[*labels, "state"]
    )
    rows = GaugeMetricFamily("vaengine_annotations", "Annotations of complete results", labels=labels)
    pace = GaugeMetricFamily(
        "vaengine_pipeline_realtime_factor", "Seconds of video per second of work", labels=labels
    )
    for name, each in figures.pipelines.items():
        for state, count in each.states.items():
            results.add_metric([name, state], count)
        rows.add_metric([name], each.annotations)
        if each.realtime_factor is not None:
            pace.add_metric([name], each.realtime_factor)
    yield from (results, rows, pace)


@router.get("/metrics", response_class=Response, responses=declared(401, 404, 503))
def metrics(context: Context, collection: Collection) -> Response:
    """The figures of the collection and of runs at work, as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_Figures(collection, context.events.streams))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
