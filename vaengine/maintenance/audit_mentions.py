"""Whether a server's record of writes names what is forgotten: the record is kept, and that is said."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from vaengine.requests.store_location import AUDIT_FILE


def audit_mentions(outs: Iterable[Path], names: Collection[str]) -> Iterator[str]:
    """A line for each file of the record in these results folders that has one of these names."""
    spelled = [json.dumps(name, ensure_ascii=False)[1:-1].encode(errors="backslashreplace") for name in names]
    for path in (out / name for out in outs for name in (AUDIT_FILE, f"{AUDIT_FILE}.1")):
        if path.is_file() and any(name in path.read_bytes() for name in spelled):
            yield f"{path} names it: it records who changed what, and stays; remove it if nobody needs it"
