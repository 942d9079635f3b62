"""Libraries of speech count their uses over the network and print much unless they are told not to."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

TOLD: Final = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",  # its threads are not ours to count
}


@contextmanager
def telemetry_off(*, alone: bool = False) -> Iterator[None]:
    """Within, libraries of speech are imported and load models: nothing is counted or printed; `alone`, nor
    is a hub asked for anything.

    Errors are raised all the same. What they are told about counting stays so in this process.
    """
    os.environ.update(TOLD)
    hub, hub_before, logs_before = _told_hub(), _told_hub().HF_HUB_OFFLINE, logging.root.manager.disable
    _hush_whisperx()
    try:
        hub.HF_HUB_OFFLINE = hub_before or alone
        logging.disable(max(logs_before, logging.WARNING))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        hub.HF_HUB_OFFLINE = hub_before
        logging.disable(logs_before)


def _told_hub() -> Any:
    """What the hub's library has read from the environment, maybe before us: it does so once."""
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    return constants


def _hush_whisperx() -> None:
    """It writes its log to stdout, where results go, unless somebody else handles it."""
    whisperx = logging.getLogger("whisperx")
    if not whisperx.handlers:
        whisperx.addHandler(logging.NullHandler())
