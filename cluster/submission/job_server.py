"""A cluster's job server: submits, lists, reads and stops jobs. Ray's own client does the talking."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cluster.connection.address import CONTROL_STORE, JOB_SERVER, ClusterAddress
from cluster.connection.connect import AUTO, facts_of, reachable, resolved, uses_tls
from cluster.connection.token import Token, mode, own_token, send_token
from cluster.submission.refusals import loopback_refusal, version_refusal
from cluster.submission.submission import MARK, Submission
from schemas.errors import ClusterUnreachable, SubmissionFailed

API_VARIABLE: Final = "RAY_API_SERVER_ADDRESS"  # Ray's own; its client obeys it before its argument
CONNECT_TIMEOUT_S: Final = 2.0
ANSWER_TIMEOUT_S: Final = 2.5
# Ray ends a job's processes 3 s after SIGTERM unless told otherwise. A run may take 60 s for what it has in
# work, and longer where Ray itself is slow to end. The supervisor of a job reads it from the job's variables.
STOP_VARIABLE: Final = "RAY_JOB_STOP_WAIT_TIME_S"
STOP_TIMEOUT_S: Final = 90


@dataclass(frozen=True, slots=True)
class Job:
    """What a job server is asked to run. `variables` are those of its environment."""

    submission_id: str
    command: str
    batch_id: str
    version: str
    out: str
    db: str
    packages: Sequence[Path] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


class JobServer:
    """A job server that answers. `url` is http://HOST:PORT."""

    def __init__(self, address: str) -> None:
        """`address` is HOST:PORT of a head, ray://HOST:PORT, the server's own URL, or "auto".

        Raises `ClusterUnreachable` within 5 s.
        """
        if address == AUTO:
            address = os.environ.get(API_VARIABLE) or address
        self.url = url_of(address)
        _require_answer(address, self.url)
        os.environ[API_VARIABLE] = self.url
        with self._errors():
            from ray.job_submission import JobSubmissionClient

            for handler in logging.getLogger("ray").handlers:  # it tells of each package that it sends
                handler.setLevel(logging.ERROR)
            self._client = JobSubmissionClient(self.url)

    def submissions(self) -> list[Submission]:
        """All batches of vaengine that were handed to this cluster."""
        with self._errors():
            jobs = self._client.list_jobs()
        return list(filter(None, (Submission.of(dict(job)) for job in jobs)))

    def submission(self, submission_id: str) -> Submission:
        """One of them, as it is now."""
        with self._errors():
            found = Submission.of(dict(self._client.get_job_info(submission_id)))
        if found is None:
            raise SubmissionFailed(self.url, f"{submission_id} is no batch of vaengine's")
        return found

    def submit(self, job: Job) -> None:
        """Hand over a job with the code of our packages; raises `SubmissionFailed`."""
        environment: dict[str, Any] = {
            "py_modules": [str(folder) for folder in job.packages],
            "env_vars": {STOP_VARIABLE: str(STOP_TIMEOUT_S), **job.variables},
        }
        about = {MARK: job.version, "batch": job.batch_id, "out": job.out, "db": job.db}
        with self._errors():
            self._client.submit_job(
                entrypoint=job.command,
                submission_id=job.submission_id,
                runtime_env=environment,
                metadata=about,
            )

    def stop(self, submission_id: str) -> bool:
        """Ask a job to stop as on SIGTERM, without waiting; false where it had ended."""
        with self._errors():
            return bool(self._client.stop_job(submission_id))

    def log(self, submission_id: str) -> str:
        """What a job has printed so far."""
        with self._errors():
            return str(self._client.get_job_logs(submission_id))

    async def tail(self, submission_id: str) -> AsyncIterator[str]:
        """What a job prints, from its beginning to its end; raises `SubmissionFailed` where that is lost."""
        with self._errors():
            async for text in self._client.tail_job_logs(submission_id):
                yield text

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """One error for all those of Ray's client, which has no type of its own."""
        import aiohttp
        import requests
        from ray.exceptions import RayError

        kinds = (RuntimeError, ValueError, OSError, requests.RequestException, aiohttp.ClientError, RayError)
        try:
            yield
        except kinds as error:
            raise SubmissionFailed(self.url, reason_of(error)) from error


def reason_of(error: BaseException) -> str:
    """What a server's error says: of a traceback the last line, else all of it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any(line.startswith("Traceback") or "Traceback (most" in line for line in lines):
        return lines[-1]
    return " ".join(lines) or type(error).__name__


def url_of(address: str) -> str:
    """The URL of the job server of a cluster; raises `ClusterUnreachable`."""
    where = resolved(address)
    if where.kind == JOB_SERVER:
        return str(where)
    if where.kind != CONTROL_STORE:
        return str(ClusterAddress.parse(f"http://{where.host}"))
    if uses_tls():
        raise ClusterUnreachable(
            address, "over TLS it cannot be asked for its job server; give that one's URL"
        )
    reachable(str(where))
    job_server = facts_of(where).job_server
    if job_server is None:
        raise ClusterUnreachable(
            address, "it has no job server; start its head with `ray start --head --include-dashboard=true`"
        )
    found = ClusterAddress.parse(f"http://{job_server}")
    if refusal := loopback_refusal(where, found, _own_addresses()):
        raise ClusterUnreachable(address, refusal)
    return str(found)


def _require_answer(address: str, url: str) -> None:
    """Ask for the server's version, with a token where it asks for one."""
    said = mode(os.environ)
    token = own_token() if said == "token" else None
    status, text = _version(address, url, token)
    if status in (401, 403) and not said and (token := own_token()):
        status, text = _version(address, url, token)
    if refusal := version_refusal(url, status, text, token, said):
        raise ClusterUnreachable(address, refusal)
    if token:
        send_token()


def _version(address: str, url: str, token: Token | None) -> tuple[int, str]:
    import requests

    headers = {"Authorization": f"Bearer {token.value}"} if token else {}
    try:
        answer = requests.get(
            f"{url}/api/version", headers=headers, timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S)
        )
    except requests.RequestException as error:
        raise ClusterUnreachable(
            address,
            f"{url} does not answer ({_cause(error)}): start the head with its dashboard (`ray start "
            "--head`), or check the address (the dashboard's port is 8265)",
        ) from error
    return answer.status_code, answer.text


def _cause(error: BaseException) -> str:
    """The system's own words, which requests has wrapped several times."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return getattr(error, "strerror", None) or type(error).__name__


def _own_addresses() -> set[str]:
    import psutil

    return {one.address for addresses in psutil.net_if_addrs().values() for one in addresses}
