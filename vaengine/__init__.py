"""vaengine annotates large video collections on Ray; this package is all that users import."""

import importlib
from typing import TYPE_CHECKING, Any

for _sister in ("schemas", "actors", "cluster"):
    _found = importlib.import_module(_sister)
    if not getattr(_found, "__vaengine__", False):
        raise ImportError(
            f"vaengine needs its own package {_sister!r}, but Python found {_found.__file__ or _found.__path__} first: "
            "rename that folder, or start from another directory"
        )

__version__ = "0.1.0"

# Looked up when asked for: the command line must not pay for what it does not use.
_HOMES = {
    "annotate": "vaengine.api",
    "annotate_all": "vaengine.api",
    "load_annotations": "vaengine.api",
    "Batch": "vaengine.batch",
    "VideoAnnotations": "vaengine.annotations",
    "BatchOrchestrator": "vaengine.orchestrator",
    "BatchJob": "schemas.job",
    "BatchReport": "schemas.job",
    "BatchStatus": "schemas.job",
    "JobStatus": "schemas.job",
    "PipelineResult": "schemas.job",
    "BatchProgress": "schemas.batch_progress",
    "ProgressTracker": "vaengine.progress_tracker",
    "FailureRecovery": "vaengine.recovery",
    "RetryStrategy": "schemas.recovery",
    "StorageBackend": "schemas.store",
    "FileStorageBackend": "actors.stores.files",
    "PostgreSQLStorageBackend": "actors.stores.postgres",
    "SQLiteStorageBackend": "actors.stores.sqlite",
    "UsageError": "schemas.errors",
    "VaengineError": "schemas.errors",
    "VideoError": "schemas.errors",
    "WouldReplace": "schemas.errors",
    "open_store": "actors.stores",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 strings all: the keys above

if TYPE_CHECKING:
    from actors.stores import open_store as open_store
    from actors.stores.files import FileStorageBackend as FileStorageBackend
    from actors.stores.postgres import PostgreSQLStorageBackend as PostgreSQLStorageBackend
    from actors.stores.sqlite import SQLiteStorageBackend as SQLiteStorageBackend
    from schemas.batch_progress import BatchProgress as BatchProgress
    from schemas.errors import UsageError as UsageError
    from schemas.errors import VaengineError as VaengineError
    from schemas.errors import VideoError as VideoError
    from schemas.errors import WouldReplace as WouldReplace
    from schemas.job import BatchJob as BatchJob
    from schemas.job import BatchReport as BatchReport
    from schemas.job import BatchStatus as BatchStatus
    from schemas.job import JobStatus as JobStatus
    from schemas.job import PipelineResult as PipelineResult
    from schemas.recovery import RetryStrategy as RetryStrategy
    from schemas.store import StorageBackend as StorageBackend
    from vaengine.annotations import VideoAnnotations as VideoAnnotations
    from vaengine.api import annotate as annotate
    from vaengine.api import annotate_all as annotate_all
    from vaengine.api import load_annotations as load_annotations
    from vaengine.batch import Batch as Batch
    from vaengine.orchestrator import BatchOrchestrator as BatchOrchestrator
    from vaengine.progress_tracker import ProgressTracker as ProgressTracker
    from vaengine.recovery import FailureRecovery as FailureRecovery


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vaengine' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, for tab completion: modules inside are not for users."""
    return sorted(__all__)
