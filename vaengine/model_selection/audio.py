"""The models of the audio pipeline: chosen, located or fetched, and checked before the run.

Workers therefore do not have to ask the network for anything that can be known earlier.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from actors.audio.speech_recognition import COMPUTE_TYPE, model_digest
from actors.audio.word_alignment import usual_model
from actors.model_files.huggingface import as_path, looked_into
from actors.model_files.torchaudio import bundle_in
from schemas.errors import FetchingForbidden, InvalidSetting, ModelError, WrongDigest
from schemas.pipelines import AUDIO
from schemas.settings.models import Hearing, ModelFile, model_name
from schemas.settings.settings import AudioSettings, Settings
from vaengine.model_selection.environment import Decision, ModelEnvironment, ModelRequest, device, runtime_key
from vaengine.model_selection.presets import AUTO, EMBEDDED, VOICE
from vaengine.models import catalogue, weights

DECIDING: Final = (
    "audio.model",
    "audio.device",
    "audio.compute_type",
    "audio.speakers",
    "audio.events_model",
    "audio.word_times",
)
SPEAKERS_KEY: Final = f"speakers.{AUDIO}"
WORD_TIMES_KEY: Final = f"word_times.{AUDIO}"
ENGLISH_ONLY: Final = catalogue.PRESET_SOUND[EMBEDDED]["whisper"]
ENGLISH_ALIGNER: Final = "WAV2VEC2_ASR_BASE_960H"
ATTENTION: Final = "times of words by its own attention"
ON_CUDA_ONLY: Final = ("float16", "int8_float16")


def choose(settings: Settings, environment: ModelEnvironment, named: bool) -> Decision:
    """Choose device, number format and models of the audio pipeline.

    `named` says that the user named the Whisper model. Raises `InvalidSetting`.
    """
    audio, about_language = _speech_model(settings.audio, named)
    events, without_events = _events_model(settings, environment, named)
    speakers, without_speakers = _speakers(audio, environment)
    neural = bool(audio.model or events or speakers == "on")
    chosen_device = _device(audio, environment, neural=neural)
    compute_type = _compute_type(audio, chosen_device) if audio.model else "float32"
    times = _word_times(audio, environment)
    speech = (
        f"Whisper {model_name(audio.model)} in {compute_type} on {chosen_device}" if audio.model else VOICE
    )
    what = ", ".join(
        filter(
            None,
            [
                speech,
                about_language,
                ATTENTION if times == "attention" else "",
                without_speakers,
                without_events,
            ],
        )
    )
    found = {
        "audio.model": audio.model,
        "audio.word_times": times,
        "audio.device": chosen_device,
        "audio.compute_type": compute_type,
        "audio.speakers": speakers,
        "audio.events_model": events,
    }
    limits = tuple(
        filter(None, ["" if audio.model else "no text", about_language, without_speakers, without_events])
    )
    return Decision(
        found,
        what,
        model_name(audio.model) if audio.model else "voice activity",
        limits,
        is_weak=not audio.model,
    )


def _speech_model(audio: AudioSettings, named: bool) -> tuple[AudioSettings, str]:
    """The audio settings, and a remark about the language.

    The model is left out where it is embedded's and does not know the specified language.
    """
    if named or audio.model != ENGLISH_ONLY:
        return audio, ""
    if audio.language in (None, "en"):
        return audio, "" if audio.language else "all speech is taken as English: it knows no other language"
    without = audio.model_copy(update={"model": None})
    return (
        without,
        f"Whisper {ENGLISH_ONLY} knows English only, not audio.language={audio.language}: name a larger "
        "preset",
    )


def _word_times(audio: AudioSettings, environment: ModelEnvironment) -> str:
    """The method that times words: `alignment` or `attention`.

    For embedded's model, the method that the store has recorded is kept. Without a record, it is alignment if
    the English aligner is on this machine.
    """
    if audio.word_times != "auto" or audio.model != ENGLISH_ONLY or not audio.words:
        return audio.word_times
    if audio.align_model:
        return "alignment"
    aligner = weights.find(catalogue.ALIGNERS[ENGLISH_ALIGNER], environment.folders)
    return environment.recorded(WORD_TIMES_KEY) or ("alignment" if aligner else "attention")


def _device(audio: AudioSettings, environment: ModelEnvironment, *, neural: bool) -> str:
    if neural:
        return device(
            "audio.device", audio.device, environment, _cuda_fault, environment.recorded(runtime_key(AUDIO))
        )
    if audio.device == "cuda":
        raise InvalidSetting(
            "audio.device",
            "cuda",
            "voice activity runs on the processor; name a neural preset, such as --preset fast",
        )
    return "cpu"


def _cuda_fault() -> str:
    """What torch lacks for a GPU; empty where nothing is missing. Its version says so without loading it."""
    return "this torch is built without CUDA" if version("torch").endswith("+cpu") else ""


def _compute_type(audio: AudioSettings, chosen: str) -> str:
    if audio.compute_type == "auto":
        return COMPUTE_TYPE[chosen]
    if chosen == "cpu" and audio.compute_type in ON_CUDA_ONLY:
        raise InvalidSetting(
            "audio.compute_type", audio.compute_type, "only a GPU has it; int8 and float32 are for processors"
        )
    return audio.compute_type


def _events_model(settings: Settings, environment: ModelEnvironment, named: bool) -> tuple[str | None, str]:
    """The classifier of audio events, and a remark where `auto` does without one.

    `auto` does without one beside a Whisper model of the user's own if the classifier is not available.
    """
    name = settings.audio.events_model
    aside = named and settings.preset == AUTO and name == catalogue.AUDIO_SET
    if not name or not aside or _is_available(name, "events", environment):
        return name, ""
    return None, f"no sound events: {name} is neither here nor can be fetched"


def _speakers(audio: AudioSettings, environment: ModelEnvironment) -> tuple[str, str]:
    """Whether speakers are told apart (`on` or `off`), and a remark where `auto` does without them.

    Raises `InvalidSetting` where they were requested but their model is not available.
    """
    if audio.speakers == "off" or (audio.speakers == "auto" and not audio.model):
        return "off", ""
    recorded = environment.recorded(SPEAKERS_KEY) if audio.speakers == "auto" else None
    if recorded == "off":
        return "off", "no speakers, as this store was begun"
    here = environment.hub.find(audio.speaker_model, "speakers") is not None
    if here or (
        environment.hub.has_token and (audio.speakers == "on" or environment.machine.can_fetch(AUDIO))
    ):
        return "on", ""
    cure = f"set HF_TOKEN to a token of an account that has accepted the terms of {audio.speaker_model}"
    if audio.speakers == "on" or recorded == "on":
        raise InvalidSetting(
            "audio.speakers",
            "on",
            f"its model is not here; {cure}, or name its folder with audio.speaker_model",
        )
    return (
        "off",
        "no speakers: set HF_TOKEN"
        if not environment.hub.has_token
        else "no speakers: their model cannot be fetched",
    )


def _is_available(name: str, task: Hearing, environment: ModelEnvironment) -> bool:
    return (
        as_path(name, task) is not None
        or environment.hub.find(name, task) is not None
        or environment.machine.can_fetch(AUDIO)
    )


def resolve(settings: Settings, request: ModelRequest) -> Mapping[str, Any]:
    """Locate all models of the audio pipeline, and compute the digest of the Whisper model.

    An aligner is located if `audio.align_model` names one, or if the language is known before the run.
    """
    audio = settings.audio
    found: dict[str, Any] = {}
    if audio.speakers == "on":
        found["audio.speaker_model"] = _folder(audio.speaker_model, "speakers", request)
    if audio.events_model:
        found["audio.events_model"] = _folder(audio.events_model, "events", request)
    if audio.model and audio.align_model and audio.words and audio.word_times != "attention":
        found["audio.align_model"] = _aligner(audio.align_model, request)
    elif (
        audio.model
        and _aligns(audio)
        and request.environment.fetch is not None
        and (usual := usual_model(_language(audio)))
    ):
        found["models.aligner"] = _aligner(usual, request)
    if audio.model:
        found |= _recogniser(audio, request)
    return {key: value for key, value in found.items() if value is not None}


def _aligns(audio: AudioSettings) -> bool:
    """Whether the aligner to be used is known before the run."""
    return audio.words and audio.word_times != "attention" and bool(_language(audio))


def _language(audio: AudioSettings) -> str:
    return audio.language or ("en" if audio.model == ENGLISH_ONLY else "")


def _aligner(named: str, request: ModelRequest) -> str | None:
    """Where an aligner is, as `_folder`.

    Aligners of torchaudio are files; those of the catalogue must have their digests.
    """
    model = catalogue.ALIGNERS.get(named)
    found = _catalogue_aligner(named, model, request) if model else _folder(named, "align", request)
    if found and Path(found).is_file():
        bundle_in(Path(found))
    return found


def _catalogue_aligner(named: str, model: ModelFile, request: ModelRequest) -> str | None:
    path = request.environment.hub.find(named, "align")
    if path is not None:
        weights.check(path, model)
    elif (
        request.environment.fetch is not None and request.environment.hub.forbidden_by
    ):  # which may be the hub's own variable
        raise request.missing(
            FetchingForbidden(
                named, looked_into(named, request.environment.folders), request.environment.hub.forbidden_by
            )
        )
    else:
        path = request.ensure(model)
    return str(path.absolute()) if path else None


def _recogniser(audio: AudioSettings, request: ModelRequest) -> Mapping[str, Any]:
    folder = _folder(str(audio.model), "whisper", request)
    if folder is None:  # a dry run
        return {}
    digest = model_digest(Path(folder))
    if audio.model_sha256 not in (None, digest):
        raise WrongDigest(folder, digest, audio.model_sha256)
    return {"audio.model": folder, "audio.model_sha256": digest}


def _folder(named: str, task: Hearing, request: ModelRequest) -> str | None:
    """Where a model is, fetched if need be; None where it would have to be fetched and fetching is off.

    Raises `ModelError`.
    """
    found = as_path(named, task) or request.environment.hub.find(named, task)
    if found is not None:
        return str(found.absolute())
    if os.sep in named and named.startswith((os.sep, ".", "~")):
        raise ModelError(named, "there is no such folder; name another, or a model of the hub")
    known = catalogue.HUB_MODELS.get(named)
    request.refuse_fetching(named, known.packaged if known else None)
    if request.environment.fetch is None:
        return None
    try:
        request.begin()
        return str(request.environment.hub.obtain(named, task).absolute())
    except ModelError as error:
        raise request.missing(error) from error


def load_once(settings: Settings) -> None:
    """Do nothing: a speech model takes long to load, and its task is not in doubt."""


def verify(settings: Settings) -> None:
    """Check before a run, also a resumed one, that all models are there and Whisper's is unchanged.

    Raises `ModelError`, `WrongDigest`.
    """
    audio = settings.audio
    for key, named in _in_use(settings).items():
        if Path(named).is_absolute() and not Path(named).exists():
            differently = f" with --set {key}=FOLDER" if key.startswith("audio.") else ""
            cure = (
                f"put it back, or run the original command again{differently}: it does only what is missing"
            )
            raise ModelError(
                named, f"the model of sound that this batch was begun with is not there any more; {cure}"
            )
    if audio.model:
        digest = model_digest(Path(audio.model))
        if digest != audio.model_sha256:
            raise WrongDigest(audio.model, digest, audio.model_sha256)


def _in_use(settings: Settings) -> dict[str, str]:
    """Names or paths of the models in use, by settings key."""
    audio = settings.audio
    named = {
        "audio.model": audio.model,
        "audio.events_model": audio.events_model,
        "audio.align_model": audio.align_model if audio.model and audio.words else None,
        "models.aligner": settings.models.aligner if audio.model and audio.words else None,
        "audio.speaker_model": audio.speaker_model if audio.speakers == "on" else None,
    }
    return {key: name for key, name in named.items() if name}


def describe(settings: Settings) -> dict[str, str | None] | None:
    """Name and digest of the Whisper model; None where there is none.

    A model whose digest the catalogue knows has its name from there, because a package may keep it in a
    folder of any name.
    """
    audio = settings.audio
    if not audio.model:
        return None
    known = {model.held_to: name for name, model in catalogue.HUB_MODELS.items() if model.held_to}
    return {
        "file": known.get(audio.model_sha256 or "") or model_name(audio.model),
        "sha256": audio.model_sha256,
    }


def record(settings: Settings) -> Mapping[str, str]:
    """What a store keeps of the decision, by meta key."""
    audio = settings.audio
    if not audio.model:
        return {}
    times = {WORD_TIMES_KEY: audio.word_times} if audio.word_times != "auto" else {}
    return {runtime_key(AUDIO): audio.device, SPEAKERS_KEY: audio.speakers, **times}
