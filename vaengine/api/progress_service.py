"""The progress of batches over HTTP, as an application of Ray Serve: `vaengine.api.progress_service:app`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from ray import serve

from schemas.errors import NotFound, UsageError
from vaengine.api.progress_tracker import ProgressTracker

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import JSONResponse

DATABASE: Final = "VAENGINE_DB"  # the variable with the address of the store


class ProgressService:
    """Answers `GET /?batch=ID` with `BatchProgress.to_dict()` as JSON; without `batch`, of the newest batch.

    404 where the store has no such batch, 400 where the id could be several. Raises `UsageError` where
    VAENGINE_DB is missing.
    """

    def __init__(self, database: str | None = None) -> None:
        address = database or os.environ.get(DATABASE)
        if not address:
            raise UsageError(f"the address of the store is missing: set {DATABASE}")
        self._database = address

    def __call__(self, request: Request) -> JSONResponse:
        from starlette.responses import JSONResponse

        status, content = self.progress(request.query_params.get("batch"))
        return JSONResponse(content, status)

    def progress(self, batch_id: str | None) -> tuple[int, dict[str, Any]]:
        """HTTP status and JSON of a batch."""
        try:
            with ProgressTracker(db=self._database, batch_id=batch_id) as tracker:
                return 200, tracker.snapshot().to_dict()
        except NotFound as error:
            return 404, {"error": str(error)}
        except UsageError as error:
            return 400, {"error": str(error)}


app = serve.deployment(ProgressService).bind()
