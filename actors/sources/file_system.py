"""The file system behind a URL: fsspec's, one for each scheme and process."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import SecretInUrl, StoragePackageMissing, UnknownScheme
from schemas.paths import scheme_of

WEB: Final = frozenset({"http", "https"})
GOOGLE: Final = "gs"
CONNECT_TIMEOUT_S: Final = 10
SILENCE_TIMEOUT_S: Final = 30  # from one byte to the next


@dataclass(frozen=True, slots=True)
class Storage:
    """A kind of storage: the scheme of its URLs for fsspec, and the extra that installs its package."""

    protocol: str
    extra: str = ""


STORAGES: Final = {
    "s3": Storage("s3", "s3"),
    GOOGLE: Storage("gs", "gcs"),
    "http": Storage("http"),
    "https": Storage("https"),
}


def require_readable_url(url: str) -> None:
    """Check what can be known of a URL without asking its server.

    Raises `UnknownScheme`, `StoragePackageMissing`, `SecretInUrl`.
    """
    storage = STORAGES.get(scheme_of(url))
    if storage is None:
        raise UnknownScheme(url, ", ".join(f"{scheme}://" for scheme in STORAGES))
    host = url.partition("://")[2].partition("/")[0]
    if "@" in host:
        raise SecretInUrl(url.replace(f"{host.rpartition('@')[0]}@", "", 1))
    file_system(storage.protocol)


def file_system_of(url: str) -> Any:
    """The file system of a URL; raises `UnknownScheme`, `StoragePackageMissing`."""
    scheme = scheme_of(url)
    if scheme not in STORAGES:
        raise UnknownScheme(url, ", ".join(f"{scheme}://" for scheme in STORAGES))
    return file_system(STORAGES[scheme].protocol)


@functools.cache
def file_system(protocol: str) -> Any:
    """fsspec's file system of a protocol, which remembers no listing: objects change.

    Endpoint and credentials are those of the cloud's own environment variables and files, such as
    `AWS_ENDPOINT_URL`, and of fsspec's configuration.
    """
    import fsspec

    try:
        # The one cache of file systems is this function's: fsspec's own outlives a change of the environment.
        return fsspec.filesystem(
            protocol, use_listings_cache=False, skip_instance_cache=True, **_timeouts(protocol)
        )
    except ImportError as error:
        raise StoragePackageMissing(f"{protocol}://", STORAGES[protocol].extra or "s3") from error


def _timeouts(protocol: str) -> dict[str, Any]:
    if protocol == "s3":
        return {
            "config_kwargs": {
                "connect_timeout": CONNECT_TIMEOUT_S,
                "read_timeout": SILENCE_TIMEOUT_S,
                "retries": {"mode": "standard", "total_max_attempts": 2},
            }
        }
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_TIMEOUT_S)
    if protocol == GOOGLE:
        return {"requests_timeout": timeout, "session_kwargs": {"trust_env": True}}
    return {"client_kwargs": {"timeout": timeout, "trust_env": True}}
