"""The downloader that pooch is given: attempts, progress, and faults of the network in one line each."""

from __future__ import annotations

import hashlib
import itertools
import os
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import requests
from pooch import HTTPDownloader

from schemas.errors import DownloadFailed
from schemas.settings.models import ModelFile
from vaengine.console.units import counted

ATTEMPTS: Final = 4
BACKOFF_S: Final = 1.0  # before the second attempt; doubled before each further one
TIMEOUT_S: Final = 20.0  # of each connection and each read
CHUNK_BYTES: Final = 256 * 1024
PASSING: Final = (408, 425, 429, 500, 502, 503, 504)  # answers that may be others a moment later
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
HEADERS: Final = {"User-Agent": "vaengine", "Accept-Encoding": "identity"}  # bytes are counted as they are
BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class HttpDownloader:
    """Downloads one model for pooch, again after faults that may pass; `digest` is the content's sha256."""

    def __init__(self, model: ModelFile, progress: Callable[[int, int], None]) -> None:
        self.model, self.progress = model, progress
        self.digest = ""

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Write what is at `url` to `output_file`; raises `DownloadFailed`, and `OSError` of the disk."""
        for attempt in itertools.count(1):
            try:
                self._attempt(url, output_file)
                break
            except requests.RequestException as error:
                if is_lasting(error) or attempt == ATTEMPTS:
                    tries = "" if is_lasting(error) else f", {counted(attempt, 'attempt')}"
                    raise DownloadFailed(self.model.name, url, cause(error) + tries) from error
            time.sleep(BACKOFF_S * 2 ** (attempt - 1))

    def _attempt(self, url: str, output_file: str) -> None:
        options = {"timeout": TIMEOUT_S, "headers": HEADERS, "verify": certificates()}
        with Path(output_file).open("wb") as file:
            received = _Received(file, self.model.size_bytes, self.progress)
            get = HTTPDownloader(received, CHUNK_BYTES, hooks={"response": self._refuse_unsafe}, **options)
            with suppress(requests.exceptions.ChunkedEncodingError):  # cut: too few bytes have come
                get(url, received, None)
        received.refuse_cut()
        self.digest = received.sha256.hexdigest()

    def _refuse_unsafe(self, response: requests.Response, **_: Any) -> None:
        """Each redirect counts: without a published digest only https vouches for the content."""
        parts = urlsplit(response.url)
        if self.model.sha256 is None and parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise _Refused("its digest is not known beforehand, so only https can be trusted")


class _Refused(requests.RequestException, ValueError):
    """Content that must not be kept, however often it is fetched."""


class _Received:
    """The file that pooch writes into, and the bar that it moves: counts, hashes and bounds what comes."""

    total = 0  # bytes; pooch sets it to the Content-Length, 0 where the server sends none

    def __init__(self, file: BinaryIO, size_bytes: int, progress: Callable[[int, int], None]) -> None:
        self.file, self.size_bytes, self.progress = file, size_bytes, progress
        self.done = 0
        self.sha256 = hashlib.sha256()

    @property
    def total_bytes(self) -> int:
        return self.total or self.size_bytes

    def write(self, data: bytes) -> None:
        if not self.done:
            self.progress(0, self.total_bytes)
        self.done += len(data)
        if self.done > self.total_bytes:
            raise _Refused(f"it sent more than the {self.total_bytes:,} bytes there should be")
        self.file.write(data)
        self.sha256.update(data)
        self.progress(self.done, self.total_bytes)

    def refuse_cut(self) -> None:
        if self.done < self.total_bytes:
            cut = f"the connection was cut after {self.done:,} of {self.total_bytes:,} bytes"
            raise requests.ConnectionError(cut)

    def flush(self) -> None:
        """The file is flushed when it is closed."""

    update = reset = close = lambda self, *_: None  # of a bar, which `write` has moved


def is_lasting(error: requests.RequestException) -> bool:
    """Whether another attempt would meet the same fault."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code not in PASSING
    lasting = (ValueError, requests.TooManyRedirects, ssl.SSLCertVerificationError)
    return isinstance(error, lasting) or isinstance(innermost(error), lasting)


def cause(error: requests.RequestException) -> str:
    """The fault in one line, in the words of whoever met it first."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    first = innermost(error)
    by = "proxy: " if isinstance(error, requests.exceptions.ProxyError) else ""
    return by + (" ".join(str(first).split()) or type(first).__name__)


def innermost(error: BaseException) -> BaseException:
    """The exception at the bottom of those that requests and urllib3 wrap around each other."""
    wrapped = (error.__cause__, getattr(error, "reason", None), *error.args)
    inner = next((each for each in wrapped if isinstance(each, BaseException)), None)
    return innermost(inner) if inner else error


def certificates() -> str | bool:
    """This system's certificates, as OpenSSL finds them; True where requests is to use its own."""
    paths = ssl.get_default_verify_paths()
    if any(os.environ.get(name) for name in BUNDLES):
        return True
    folder = paths.capath if paths.capath and any(Path(paths.capath).iterdir()) else None
    return paths.cafile or folder or True
