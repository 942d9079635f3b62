"""The pages: plain HTML, CSS and ES modules, served as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse

STATIC: Final = Path(__file__).parent / "static"

router = APIRouter(include_in_schema=False)


PAGES: Final = (
    *("/", "/videos", "/videos/{video_id}", "/search", "/people"),
    *("/exports", "/quality", "/resources", "/errors", "/help"),
)


def page() -> FileResponse:
    """The one document of all pages; its script shows the page that the address names."""
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


for address in PAGES:
    router.add_api_route(address, page, methods=["GET", "HEAD"])


@router.api_route("/favicon.ico", methods=["GET", "HEAD"])
def favicon() -> FileResponse:
    """The icon that browsers ask for by themselves."""
    return FileResponse(STATIC / "favicon.svg", media_type="image/svg+xml")
