"""Libraries of speech count their uses over the network and print much on import unless they are told not to."""

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
TALKATIVE: Final = ("whisperx", "faster_whisper", "pytorch_lightning", "lightning", "speechbrain", "transformers")


@contextmanager
def discreet(*, alone: bool = False) -> Iterator[None]:
    """Within, libraries of speech are imported and load models: nothing is counted or printed; `alone`, nor is a hub asked for anything.

    Errors are raised all the same. What they are told about counting stays so in this process.
    """
    os.environ.update(TOLD)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    hub = _told_hub()
    before = hub.HF_HUB_OFFLINE
    try:
        hub.HF_HUB_OFFLINE = before or alone
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        hub.HF_HUB_OFFLINE = before


def _told_hub() -> Any:
    """The hub's library reads the environment once; whoever imported it may have done so before us."""
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    return constants
