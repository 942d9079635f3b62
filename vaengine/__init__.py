"""vaengine annotates large video collections on Ray; this package is all that users import."""

import importlib
from typing import TYPE_CHECKING, Any

for _sister in ("schemas", "actors", "cluster"):
    _found = importlib.import_module(_sister)
    if not getattr(_found, "__vaengine__", False):
        raise ImportError(
            f"vaengine needs its own package {_sister!r}, but Python found "
            f"{_found.__file__ or _found.__path__} first: "
            "rename that folder, or start from another directory"
        )

__version__ = "0.1.0"

# Looked up when asked for: the command line must not pay for what it does not use.
_HOMES = {
    "annotate": "vaengine.api.annotate",
    "annotate_all": "vaengine.api.annotate",
    "load_annotations": "vaengine.api.annotate",
    "Batch": "vaengine.api.batch",
    "VideoAnnotations": "vaengine.api.video_annotations",
    "BatchOrchestrator": "vaengine.api.orchestrator",
    "Client": "vaengine.api.submission.client",
    "BatchJob": "schemas.work.job",
    "BatchReport": "schemas.work.job",
    "BatchStatus": "schemas.work.job",
    "JobStatus": "schemas.work.job",
    "PipelineResult": "schemas.work.job",
    "BatchProgress": "schemas.work.batch_progress",
    "ProgressTracker": "vaengine.api.progress_tracker",
    "FailureRecovery": "vaengine.api.failure_recovery",
    "RetryStrategy": "schemas.work.retry",
    "StorageBackend": "schemas.storage.backend",
    "FileStorageBackend": "actors.stores.files.backend",
    "PostgreSQLStorageBackend": "actors.stores.database.postgres_backend",
    "SQLiteStorageBackend": "actors.stores.database.sqlite_backend",
    "UsageError": "schemas.errors",
    "VaengineError": "schemas.errors",
    "VideoError": "schemas.errors",
    "WouldReplace": "schemas.errors",
    "open_store": "actors.stores",
    "query": "vaengine.api.questions.query",
    "compare": "vaengine.api.comparison",
    "import_annotations": "vaengine.api.importing",
    "export": "vaengine.api.export",
    "build_dataset": "vaengine.api.training",
    "train": "vaengine.api.training",
    "DatasetRequest": "vaengine.training.dataset.request",
    "TrainingSettings": "schemas.work.training",
    "find": "vaengine.queries.language.builder",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 strings all: the keys above

if TYPE_CHECKING:
    from actors.stores import open_store as open_store
    from actors.stores.database.postgres_backend import PostgreSQLStorageBackend as PostgreSQLStorageBackend
    from actors.stores.database.sqlite_backend import SQLiteStorageBackend as SQLiteStorageBackend
    from actors.stores.files.backend import FileStorageBackend as FileStorageBackend
    from schemas.errors import UsageError as UsageError
    from schemas.errors import VaengineError as VaengineError
    from schemas.errors import VideoError as VideoError
    from schemas.errors import WouldReplace as WouldReplace
    from schemas.storage.backend import StorageBackend as StorageBackend
    from schemas.work.batch_progress import BatchProgress as BatchProgress
    from schemas.work.job import BatchJob as BatchJob
    from schemas.work.job import BatchReport as BatchReport
    from schemas.work.job import BatchStatus as BatchStatus
    from schemas.work.job import JobStatus as JobStatus
    from schemas.work.job import PipelineResult as PipelineResult
    from schemas.work.retry import RetryStrategy as RetryStrategy
    from schemas.work.training import TrainingSettings as TrainingSettings
    from vaengine.api.annotate import annotate as annotate
    from vaengine.api.annotate import annotate_all as annotate_all
    from vaengine.api.annotate import load_annotations as load_annotations
    from vaengine.api.batch import Batch as Batch
    from vaengine.api.comparison import compare as compare
    from vaengine.api.export import export as export
    from vaengine.api.failure_recovery import FailureRecovery as FailureRecovery
    from vaengine.api.importing import import_annotations as import_annotations
    from vaengine.api.orchestrator import BatchOrchestrator as BatchOrchestrator
    from vaengine.api.progress_tracker import ProgressTracker as ProgressTracker
    from vaengine.api.questions.query import query as query
    from vaengine.api.submission.client import Client as Client
    from vaengine.api.training import build_dataset as build_dataset
    from vaengine.api.training import train as train
    from vaengine.api.video_annotations import VideoAnnotations as VideoAnnotations
    from vaengine.queries.language.builder import find as find
    from vaengine.training.dataset.request import DatasetRequest as DatasetRequest


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vaengine' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, for tab completion: modules inside are not for users."""
    return sorted(__all__)
