"""The models of sound: found or fetched from the hub before the run, so that workers ask nobody for what
can be known by then.
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


def choose(settings: Settings, shop: ModelEnvironment, named: bool) -> Decision:
    """Device, numbers, and what is listened for; `named` says that the Whisper model is the user's choice.

    Raises `InvalidSetting`.
    """
    audio, about_language = _spoken(settings.audio, named)
    events, without_events = _events(settings, shop, named)
    speakers, without_speakers = _speakers(audio, shop)
    neural = bool(audio.model or events or speakers == "on")
    chosen = _device(audio, shop, neural=neural)
    numbers = _compute_type(audio, chosen) if audio.model else "float32"
    times = _word_times(audio, shop)
    text = f"Whisper {model_name(audio.model)} in {numbers} on {chosen}" if audio.model else VOICE
    what = ", ".join(
        filter(
            None,
            [
                text,
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
        "audio.device": chosen,
        "audio.compute_type": numbers,
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


def _spoken(audio: AudioSettings, named: bool) -> tuple[AudioSettings, str]:
    """The settings, without a model where embedded's does not know the language told; and what there is
    to say about that.
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


def _word_times(audio: AudioSettings, shop: ModelEnvironment) -> str:
    """How words are timed: of embedded's model as the store was begun, else by the English model of
    letters where that is here.
    """
    if audio.word_times != "auto" or audio.model != ENGLISH_ONLY or not audio.words:
        return audio.word_times
    if audio.align_model:
        return "alignment"
    aligner = weights.find(catalogue.ALIGNERS[ENGLISH_ALIGNER], shop.folders)
    return shop.recorded(WORD_TIMES_KEY) or ("alignment" if aligner else "attention")


def _device(audio: AudioSettings, shop: ModelEnvironment, *, neural: bool) -> str:
    if neural:
        return device("audio.device", audio.device, shop, _cuda_fault, shop.recorded(runtime_key(AUDIO)))
    if audio.device == "cuda":
        raise InvalidSetting(
            "audio.device",
            "cuda",
            "voice activity runs on the processor; name a neural preset, such as --preset fast",
        )
    return "cpu"


def _cuda_fault() -> str:
    """What torch lacks for a GPU, which its version tells without loading it; empty where nothing."""
    return "this torch is built without CUDA" if version("torch").endswith("+cpu") else ""


def _compute_type(audio: AudioSettings, chosen: str) -> str:
    if audio.compute_type == "auto":
        return COMPUTE_TYPE[chosen]
    if chosen == "cpu" and audio.compute_type in ON_CUDA_ONLY:
        raise InvalidSetting(
            "audio.compute_type", audio.compute_type, "only a GPU has it; int8 and float32 are for processors"
        )
    return audio.compute_type


def _events(settings: Settings, shop: ModelEnvironment, named: bool) -> tuple[str | None, str]:
    """The classifier of sound events, and what to say where `auto` does without one beside a Whisper
    model of the user's own.
    """
    name = settings.audio.events_model
    aside = named and settings.preset == AUTO and name == catalogue.AUDIO_SET
    if not name or not aside or _can_be_had(name, "events", shop):
        return name, ""
    return None, f"no sound events: {name} is neither here nor can be fetched"


def _speakers(audio: AudioSettings, shop: ModelEnvironment) -> tuple[str, str]:
    """on or off, and what to say where `auto` does without; raises `InvalidSetting` where they were asked
    for and cannot be told apart.
    """
    if audio.speakers == "off" or (audio.speakers == "auto" and not audio.model):
        return "off", ""
    recorded = shop.recorded(SPEAKERS_KEY) if audio.speakers == "auto" else None
    if recorded == "off":
        return "off", "no speakers, as this store was begun"
    here = shop.hub.find(audio.speaker_model, "speakers") is not None
    if here or (shop.hub.has_token and (audio.speakers == "on" or shop.around.can_fetch(AUDIO))):
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
        if not shop.hub.has_token
        else "no speakers: their model cannot be fetched",
    )


def _can_be_had(name: str, task: Hearing, shop: ModelEnvironment) -> bool:
    return (
        as_path(name, task) is not None
        or shop.hub.find(name, task) is not None
        or shop.around.can_fetch(AUDIO)
    )


def resolve(settings: Settings, order: ModelRequest) -> Mapping[str, Any]:
    """Where all models that are listened with are, and the Whisper model's digest; of aligners that of
    the language told, if one was.
    """
    audio = settings.audio
    found: dict[str, Any] = {}
    if audio.speakers == "on":
        found["audio.speaker_model"] = _folder(audio.speaker_model, "speakers", order)
    if audio.events_model:
        found["audio.events_model"] = _folder(audio.events_model, "events", order)
    if audio.model and audio.align_model and audio.words and audio.word_times != "attention":
        found["audio.align_model"] = _aligner(audio.align_model, order)
    elif (
        audio.model
        and _aligns(audio)
        and order.shop.fetch is not None
        and (usual := usual_model(_language(audio)))
    ):
        found["models.aligner"] = _aligner(usual, order)
    if audio.model:
        found |= _recogniser(audio, order)
    return {key: value for key, value in found.items() if value is not None}


def _aligns(audio: AudioSettings) -> bool:
    """Whether the model of letters to be used is known before listening."""
    return audio.words and audio.word_times != "attention" and bool(_language(audio))


def _language(audio: AudioSettings) -> str:
    return audio.language or ("en" if audio.model == ENGLISH_ONLY else "")


def _aligner(named: str, order: ModelRequest) -> str | None:
    """Where a model of letters is, as `_folder`; of torchaudio's, which are files, those of the catalogue
    are held to their digests.
    """
    model = catalogue.ALIGNERS.get(named)
    found = _held(named, model, order) if model else _folder(named, "align", order)
    if found and Path(found).is_file():
        bundle_in(Path(found))
    return found


def _held(named: str, model: ModelFile, order: ModelRequest) -> str | None:
    path = order.shop.hub.find(named, "align")
    if path is not None:
        weights.check(path, model)
    elif order.shop.fetch is not None and order.shop.hub.forbidden_by:  # which may be the hub's own variable
        raise order.missing(
            FetchingForbidden(named, looked_into(named, order.shop.folders), order.shop.hub.forbidden_by)
        )
    else:
        path = order.had(model)
    return str(path.absolute()) if path else None


def _recogniser(audio: AudioSettings, order: ModelRequest) -> Mapping[str, Any]:
    folder = _folder(str(audio.model), "whisper", order)
    if folder is None:  # a dry run
        return {}
    digest = model_digest(Path(folder))
    if audio.model_sha256 not in (None, digest):
        raise WrongDigest(folder, digest, audio.model_sha256)
    return {"audio.model": folder, "audio.model_sha256": digest}


def _folder(named: str, task: Hearing, order: ModelRequest) -> str | None:
    """Where a model is, fetched if need be; None where it would have to be fetched and nothing is.

    Raises `ModelError`.
    """
    found = as_path(named, task) or order.shop.hub.find(named, task)
    if found is not None:
        return str(found.absolute())
    if os.sep in named and named.startswith((os.sep, ".", "~")):
        raise ModelError(named, "there is no such folder; name another, or a model of the hub")
    known = catalogue.HUB_MODELS.get(named)
    order.refuse_fetching(named, known.packaged if known else None)
    if order.shop.fetch is None:
        return None
    try:
        order.begin()
        return str(order.shop.hub.obtain(named, task).absolute())
    except ModelError as error:
        raise order.missing(error) from error


def load_once(settings: Settings) -> None:
    """Nothing: a model of speech takes long to load, and what it is for is not in doubt."""


def verify(settings: Settings) -> None:
    """Before a run, a resumed one too: all models are there, Whisper's unchanged.

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
    """Models that are listened with, by the key that names them."""
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
    """Name and digest of the Whisper model, None where there is none; one that the catalogue knows by its
    digest has the name it has there.

    A package may keep it in a folder that is called anything.
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
    """What a store keeps of what was decided, by meta key."""
    audio = settings.audio
    if not audio.model:
        return {}
    times = {WORD_TIMES_KEY: audio.word_times} if audio.word_times != "auto" else {}
    return {runtime_key(AUDIO): audio.device, SPEAKERS_KEY: audio.speakers, **times}
