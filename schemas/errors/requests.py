"""Errors in what a user requests: settings, inputs, output, plan and cluster."""

from __future__ import annotations

from schemas.errors.base import UsageError


class UnknownSetting(UsageError):
    """A dotted key that no setting has. Values: key, nearest known key."""

    template = "unknown setting {0!r}: did you mean {1!r}? `vaengine config show` lists them all"


class InvalidSetting(UsageError):
    """A known key with a value it cannot take. Values: key, value, what it takes."""

    template = "setting {0} cannot be {1!r}: {2}"


class NothingMatched(UsageError):
    """No input path led to a video.

    Values: the inputs as given, and in brackets what else is there, or nothing.
    """

    template = (
        "no video found in {0}{1}: give a video file, a folder, a glob in quotes, or a text file that "
        "lists paths"
    )


class OutputUnusable(UsageError):
    """The folder of the results cannot be made or written to. Values: path, cause."""

    template = "results cannot be written to {0}: {1}; choose another folder with --out"


class TempFolderTooLong(UsageError):
    """The path of Ray's sockets would be too long.

    Values: name of the environment variable, its value, bytes that it may have.
    """

    template = (
        "{0}={1} is too long for the sockets of Ray, whose folder may have {2} bytes: set RAY_TMPDIR=/tmp"
    )


class UnknownPipeline(UsageError):
    """A pipeline name that does not exist. Values: name, known names."""

    template = "unknown pipeline {0!r}: this version has {1}"


class PlanInfeasible(UsageError):
    """The plan cannot be scheduled on the available machines. Values: what does not fit, what to do."""

    template = "this plan cannot be scheduled: {0}; {1}"


class NoRoom(UsageError):
    """The results of a run do not fit on the disk. Values: how much space there is and is needed."""

    template = "{0}: free some space, or choose another folder with --out; nothing was stored"


class ClusterUnreachable(UsageError):
    """No Ray cluster answers at the address. Values: address, cause and cure."""

    template = "no Ray cluster can be used at {0}: {1}"


class UnknownScheme(UsageError):
    """A URL of a kind that is not read. Values: URL, known schemes."""

    template = "{0} is a URL of a kind that is not read: {1} are; download the file, and give its path"


class StoragePackageMissing(UsageError):
    """A kind of URL whose package is not installed. Values: URL, extra."""

    template = "{0} needs a package that is not installed: pip install 'vaengine[{1}]'"


class SecretInUrl(UsageError):
    """A URL with a password in it, which every report would show. Values: URL without it."""

    template = (
        "{0} holds a user name or a password: leave them out of the address, and put them into ~/.netrc, "
        "since addresses are stored and shown"
    )


class SubmissionFailed(UsageError):
    """A job server refused a request, or did not answer it. Values: URL, cause."""

    template = "the job server at {0} refused this: {1}; `vaengine cluster status` says how the cluster is"


class LaunchFailed(UsageError):
    """The cluster of a launch file could not be started or ended. Values: file, command, exit code."""

    template = "{0}: {1} failed (exit code {2}); what it printed above says why"


class TooLarge(UsageError):
    """A file that is larger than the server takes. Values: name, bytes."""

    template = "{0} is larger than the {1} bytes that this server takes: give its path, or a smaller file"
    kind = "too_large"


class PictureTooLarge(TooLarge):
    """A picture with more pixels than the server decodes. Values: megapixels."""

    template = "the picture has more than {0} megapixels: send a smaller one"


class ServerRefused(UsageError):
    """A server of vaengine refused a request. Values: the request, what it says, HTTP status, kind."""

    template = "{0}: {1}"
    kind = "server_refused"

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.args[2])

    @property
    def server_kind(self) -> str:
        """The kind of the error, such as `not_found`."""
        return str(self.args[3])


class ServerUnreachable(UsageError):
    """No server of vaengine answers. Values: URL, cause."""

    template = "no server answers at {0} ({1}): start one with `vaengine serve`, or give its address"
    kind = "server_unreachable"
