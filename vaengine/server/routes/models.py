"""The models that the presets use, and whether they are on the server's machine."""

from __future__ import annotations

import os
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from vaengine.server.error_answers import declared

router = APIRouter(prefix="/api", tags=["models"])


class ModelFacts(BaseModel):
    """A model: `state` says whether it is here; `licence` is that of its weights."""

    name: str
    presets: list[str]
    pipeline: str
    task: str
    what: str
    size_bytes: int
    licence: str
    state: str
    detail: str | None


@router.get("/models", responses=declared(400, 401))
def models() -> list[ModelFacts]:
    """Every model of the catalogue."""
    from actors.model_files.files import folders_of
    from vaengine.models import inventory
    from vaengine.models.huggingface import Hub

    folders = folders_of(None, os.environ)
    found = inventory.model_statuses(folders, Hub.of(folders, os.environ))
    return [_facts(inventory.standing_data(one)) for one in found]


def _facts(data: dict[str, Any]) -> ModelFacts:
    return ModelFacts(
        name=data["file"],
        detail=data["detail"] or None,
        **{
            name: data[name]
            for name in ("presets", "pipeline", "task", "what", "size_bytes", "licence", "state")
        },
    )
