"""Errors of stores and of what they hold: results, batches, copies and backups."""

from __future__ import annotations

from schemas.errors.base import UsageError, VaengineError


class StoreUnreachable(UsageError):
    """The store's address is wrong or cannot be opened. Values: url, cause and cure."""

    template = "store {0} cannot be used: {1}"


class StoreOutdated(StoreUnreachable):
    """The store's tables are of an older version, and the caller may not change them. Values: url."""

    template = (
        "store {0} cannot be used: its tables are older than this version; a run brings them up to "
        "date, and so does `vaengine db upgrade`"
    )


class StoreDamaged(StoreUnreachable):
    """Stored data cannot be read. Values: url, cause and cure."""


class StoreFailed(VaengineError):
    """The store refused a write for another reason. Values: url, detail."""

    template = "store {0} failed: {1}; what was committed is kept, run the same command again"
    kind = "store"
    transient = True


class QueryTimeout(VaengineError):
    """A question took longer than it may. Values: url, seconds that each statement has."""

    template = (
        "{0} did not answer within {1} s: ask of fewer videos with --video, or allow more time with --timeout"
    )
    kind = "query_timeout"


class DiskFull(VaengineError):
    """The store's disk is full. Values: path, detail."""

    template = (
        "no room to write {0} ({1}): free some space, then run the same command again; what was "
        "committed is kept"
    )
    kind = "disk_full"
    transient = True


class Unstorable(VaengineError):
    """A value that the store cannot hold. Values: url, what it is."""

    template = (
        "store {0} cannot hold this: {1}; nothing of it was written, another store may hold it "
        "(files: or sqlite:///)"
    )
    kind = "unstorable"


class InvalidAnnotation(UsageError):
    """An annotation to be saved that no store can hold.

    Values: which one, cause and cure.
    """

    template = "annotation {0} cannot be saved: {1}"


class WouldReplace(UsageError):
    """A run would replace complete results of another configuration without permission.

    Values: which results are replaced by which.
    """

    template = (
        "{0}; nothing was changed: give --replace to replace, --keep to keep the old results beside the new "
        "ones, or --as-before to take"
        " the settings that they were made with (in Python replace='replace', 'keep' or 'as-before')"
    )
    kind = "would_replace"


class NotFound(UsageError):
    """A batch, job or checkpoint that the store does not hold. Values: what, where."""

    template = "{0} not found in {1}"


class NoBatch(NotFound):
    """A folder of results without any batch. Values: folder."""

    template = (
        "there is no batch in {0} yet: name another folder of results with --out, or begin a batch "
        "with `vaengine run`"
    )


class AtWork(UsageError):
    """A live run works on what is to be removed. Values: what, the batch."""

    template = "{0} is being worked on by batch {1}: stop that run or wait for its end; nothing was removed"


class LeadsOut(UsageError):
    """A link among results to a place outside of them, which may belong to something else.

    Values: link, its target, the folder of the results.
    """

    template = (
        "{0} is a link to {1}, outside of {2}: nothing there is changed; put a folder in the link's "
        "place, then give the command again"
    )


class PeopleChanged(UsageError):
    """Somebody else has edited who is who since it was read. Values: url."""

    template = "who is who in {0} was edited meanwhile: look at it again, and give the command again"


class ResultsChanged(UsageError):
    """The results that a correction was made of are not the current ones any more. Values: video id, url."""

    template = "the results of {0} in {1} have changed meanwhile: look at them again, and correct them again"


class SameStore(UsageError):
    """A store that is to be copied into itself. Values: url."""

    template = "{0} is both the source and the destination; give two stores"


class StoreInUse(UsageError):
    """A run works on a store that another command is to write to. Values: url."""

    template = (
        "a run is at work on {0}: stop it first (Ctrl-C, or `vaengine pause`), then give the same "
        "command again"
    )


class Unfit(UsageError):
    """Rows that the destination would refuse or change. Values: unit, destination, which rows."""

    template = "{0} cannot be moved to {1} unchanged: {2}; what was moved before stays;"
    template += (
        " `--dry-run` lists every such row, `--on-invalid quarantine` leaves what they belong to out "
        "and moves the rest"
    )


class NotEqual(VaengineError):
    """A copied section that does not read as it was written. Values: section, difference."""

    template = "{0} is not equal in both stores: {1}; nothing of it was kept in the destination"
    kind = "not_equal"


class BackupFailed(UsageError):
    """A backup failed; nothing of it is left. Values: its path, cause and cure."""

    template = "no backup was made at {0}: {1}"
