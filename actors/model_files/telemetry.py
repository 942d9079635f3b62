"""Switches off telemetry and console output of speech libraries."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

QUIET_ENVIRONMENT: Final = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",  # its threads are not ours to count
}


@contextmanager
def telemetry_off(*, alone: bool = False) -> Iterator[None]:
    """A context in which speech libraries are imported and load models without telemetry and output.

    With `alone` they also make no request to the hub. Errors are raised all the same. Telemetry stays off
    in this process.
    """
    os.environ.update(QUIET_ENVIRONMENT)
    hub, hub_before, logs_before = (
        _hub_constants(),
        _hub_constants().HF_HUB_OFFLINE,
        logging.root.manager.disable,
    )
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


def _hub_constants() -> Any:
    """The settings that the hub's library has read from the environment, once and maybe earlier."""
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    return constants


def _hush_whisperx() -> None:
    """Silences whisperX's log unless it has a handler: it goes to stdout, as results do."""
    whisperx = logging.getLogger("whisperx")
    if not whisperx.handlers:
        whisperx.addHandler(logging.NullHandler())
