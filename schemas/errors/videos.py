"""Errors of one input, whose job fails while everything else goes on."""

from __future__ import annotations

from schemas.errors.base import VaengineError


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


class DecoderRefuses(VideoError):
    """A requested decoder that cannot read this file correctly.

    Values: path, decoder, reason.
    """

    template = "{0}: {1} refuses it: {2}; use --set decode.backend=pyav"
    kind = "decoder"


class NothingThere(Unreadable):
    """A URL that leads to nothing. Values: URL, what the server said."""

    template = "{0}: there is nothing at this address ({1}); check its spelling, or leave it out"


class AccessDenied(Unreadable):
    """A URL that the server does not let us read. Values: URL, what the server said."""

    template = (
        "{0}: access is denied ({1}); check that the credentials of this machine may read it, or that its "
        "signature has not expired"
    )


class NoByteRanges(Unreadable):
    """A server that sends no parts of a file. Values: URL, what the server said."""

    template = (
        "{0}: its server sends no byte ranges ({1}), without which a video is not read: download the file, "
        "and give its path"
    )


class SourceUnavailable(VideoError):
    """A server that does not answer, or answers with a fault of its own. Values: URL, cause, tries."""

    template = (
        "{0}: its server does not deliver it ({1}; {2} tries); run the same command again once it does, "
        "which does only what is missing"
    )
    kind = "unavailable"
    transient = True


class NodeCannotSee(VideoError):
    """A path that is there for the run, but not on the node that was to read it.

    Values: path, host name of the node, its reason.
    """

    template = (
        "{0}: node {1} cannot see it ({2}), though the run can: mount its folder there at the same path, or "
        "give the videos as URLs; the video itself is not at fault"
    )
    kind = "node_cannot_see"
    transient = True
