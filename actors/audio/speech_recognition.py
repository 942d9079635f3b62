"""Recognises speech with a Whisper model in CTranslate2's form.

Whole segments run in batches, as in whisperX. Source: Radford et al., Robust speech recognition via
large-scale weak supervision, 2022; Bain et al., WhisperX, Interspeech 2023.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from actors.audio.word_attention import timed_words
from actors.model_files.files import digest_of
from actors.model_files.huggingface import NEEDED
from actors.model_files.telemetry import telemetry_off
from schemas.errors import DamagedWeights, InvalidSetting, ModelError, WrongDigest
from schemas.inference.transcript import RecognizedWord, SpeechSegment, Utterance
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats32
from schemas.settings.models import digest_of_parts
from schemas.settings.settings import Settings

BATCH_ON_GPU: Final = 16
# On a processor beam search is faster in batches. Integer products do not depend on the size of a batch;
# floating-point ones do, in the last bit (docs/decisions/041).
BATCH_ON_PROCESSOR: Final = 8
# Of a model that runs in batches there. A row of a larger one takes 0.1 to 0.5 GB.
MAX_BATCHED_BYTES: Final = 200_000_000
# Of `auto`: faster-whisper's usual types.
COMPUTE_TYPE: Final = {"cpu": "int8", "cuda": "float16"}
WINDOW_SAMPLES: Final = 30 * SAMPLE_RATE  # The most that Whisper takes at once.
MODEL_FILES: Final = (
    "config.json",
    "model.bin",
    "preprocessor_config.json",
    "tokenizer.json",
    "vocabulary.json",
    "vocabulary.txt",
)


class SpeechRecognizer:
    """Recognises speech segments; the text of a segment depends on nothing but its samples.

    With `audio.word_times` attention words are timed. Batches on a GPU have one shape: a short one is padded
    with its last segment. Raises `WrongDigest`, `DamagedWeights`, `ModelError`.
    """

    def __init__(self, settings: Settings, *, threads: int = 1) -> None:
        audio = settings.audio
        self._device = whisper_device(audio.device)
        compute_type = COMPUTE_TYPE[self._device] if audio.compute_type == "auto" else audio.compute_type
        folder = _checked_folder(audio.model, audio.model_sha256)
        self._model = whisper(folder, self._device, compute_type, threads)
        self.batch_size = batch_size(
            self._device, self._model.model.compute_type, (folder / "model.bin").stat().st_size
        )
        self._beam_size = audio.beam_size
        self._language = _language(self._model, audio.language)
        self._times_words = audio.words and audio.word_times == "attention"
        self._tokenizers: dict[str, Any] = {}

    def transcribe(self, speeches: Sequence[SpeechSegment]) -> list[Utterance]:
        """One utterance for each segment of at most 30 s, in order.

        Its text is empty where nothing is understood.
        """
        return [
            utterance
            for first in range(0, len(speeches), self.batch_size)
            for utterance in self._transcribed(speeches[first : first + self.batch_size])
        ]

    def _transcribed(self, speeches: Sequence[SpeechSegment]) -> list[Utterance]:
        missing = self.batch_size - len(speeches) if self._device == "cuda" else 0
        padded = [*speeches, *[speeches[-1]] * missing]
        encoded = self._encoded(padded)
        languages = self._languages(encoded, len(padded))[: len(speeches)]
        utterances: dict[int, Utterance] = {}
        for language in sorted(set(languages)):
            rows = [row for row, own in enumerate(languages) if own == language]
            utterances |= self._in_language(language, rows, encoded, padded)
        return [utterances[row] for row in range(len(speeches))]

    def _in_language(
        self, language: str, rows: list[int], encoded: Any, speeches: Sequence[SpeechSegment]
    ) -> dict[int, Utterance]:
        """The utterances of some rows. A GPU decodes all rows, so that its batches have one shape."""
        if self._device == "cuda":
            decoded = list(range(len(speeches)))
        else:
            decoded, encoded = rows, _storage(np.asarray(encoded)[rows])
        own = [speeches[row] for row in decoded]
        texts = self._texts(encoded, language, len(decoded))
        words = self._words(encoded, language, [text for text, _ in texts], own)
        utterances = {
            row: replace(_utterance(speech, *said, language), words=timed)
            for row, speech, said, timed in zip(decoded, own, texts, words, strict=True)
        }
        return {row: utterances[row] for row in rows}

    def _encoded(self, speeches: Sequence[SpeechSegment]) -> Any:
        """The encoder's output, a row for each segment; one by one on a processor, whose caches are small."""
        features = [self._features(speech) for speech in speeches]
        if self._device == "cuda":
            return self._model.encode(np.stack(features))
        return _storage(np.concatenate([np.asarray(self._model.encode(own[None])) for own in features]))

    def _features(self, speech: SpeechSegment) -> Floats32:
        """Mels x 3000 float32, with silence after the segment; raises `ValueError` above 30 s."""
        if len(speech.samples) > WINDOW_SAMPLES + 1:  # both ends of a stretch are rounded to samples
            raise ValueError(f"Whisper hears 30 s at once, not {len(speech.samples) / SAMPLE_RATE:.1f} s")
        samples = np.zeros(WINDOW_SAMPLES, np.float32)
        samples[: len(speech.samples)] = speech.samples[:WINDOW_SAMPLES]
        return np.ascontiguousarray(self._model.feature_extractor(samples, padding=0), np.float32)

    def _languages(self, encoded: Any, rows: int) -> list[str]:
        """The language of each row: the one that is set, or the likeliest."""
        if self._language is not None:
            return [self._language] * rows
        return [ranked[0][0].strip("<|>") for ranked in self._model.model.detect_language(encoded)]

    def _texts(self, encoded: Any, language: str, rows: int) -> list[tuple[str, float]]:
        """Text and mean log probability of a token for each row, as if all rows were in one language.

        The search is whisperX's: no timestamps, no previous text, one temperature.
        """
        tokenizer, model = self._tokenizer(language), self._model
        prompt = model.get_prompt(tokenizer, [], without_timestamps=True)
        results = model.model.generate(
            encoded,
            [prompt] * rows,
            beam_size=self._beam_size,
            max_length=model.max_length,
            return_scores=True,
        )
        said = [(row.sequences_ids[0], row.scores[0]) for row in results]
        # A score is a mean over the tokens of the text; the one that ends it was thought of as well.
        return [(tokenizer.decode(tokens), score * len(tokens) / (len(tokens) + 1)) for tokens, score in said]

    def _words(
        self, encoded: Any, language: str, texts: Sequence[str], speeches: Sequence[SpeechSegment]
    ) -> list[tuple[RecognizedWord, ...]]:
        """Timed words of each row; none unless Whisper's attention times them."""
        if not self._times_words:
            return [()] * len(texts)
        tokenizer = self._tokenizer(language)
        if self._device == "cuda":
            return timed_words(self._model, tokenizer, encoded, texts, speeches)
        return [
            timed_words(self._model, tokenizer, _storage(row[None]), [text], [speech])[0]
            for row, text, speech in zip(np.asarray(encoded), texts, speeches, strict=True)
        ]

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        if language not in self._tokenizers:
            model = self._model
            self._tokenizers[language] = Tokenizer(
                model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]


def _storage(rows: Floats32) -> Any:
    """Rows of an encoder's output, in the memory of the processor, as CTranslate2 takes them."""
    from ctranslate2 import StorageView

    return StorageView.from_array(np.ascontiguousarray(rows))


def _utterance(speech: SpeechSegment, text: str, log_probability: float, language: str) -> Utterance:
    end_s = speech.start_s + len(speech.samples) / SAMPLE_RATE
    return Utterance(
        speech.start_s, end_s, text.strip(), language, confidence=min(1.0, math.exp(log_probability))
    )


def whisper(folder: Path, device: str, compute_type: str, threads: int) -> Any:
    """faster-whisper's model.

    whisperX's own class does the same, and its import costs eight seconds. Raises `DamagedWeights`.
    """
    with telemetry_off(alone=True):
        from faster_whisper import WhisperModel

        try:
            return WhisperModel(
                str(folder),
                device=device,
                compute_type=compute_type,
                cpu_threads=threads,
                local_files_only=True,
            )
        except (RuntimeError, ValueError) as error:  # CTranslate2 raises only these
            raise DamagedWeights(
                str(folder), f"CTranslate2 cannot load it ({str(error).splitlines()[0]})"
            ) from error


def batch_size(device: str, compute_type: str, model_bytes: int) -> int:
    """Segments that are decoded at once; without effect on their texts."""
    if device == "cuda":
        return BATCH_ON_GPU
    is_batched = compute_type.startswith("int8") and model_bytes <= MAX_BATCHED_BYTES
    return BATCH_ON_PROCESSOR if is_batched else 1


def whisper_device(device: str) -> str:
    """cpu or cuda; `auto` asks CTranslate2 first, which is quicker than to import torch."""
    if device != "auto":
        return device
    import ctranslate2

    return device_of(device) if ctranslate2.get_cuda_device_count() else "cpu"


def device_of(device: str) -> str:
    """cpu or cuda; `auto` is cuda where torch finds a GPU."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def model_digest(folder: Path) -> str:
    """sha256 (hex) of the sorted names and contents of a model's loaded files.

    Raises `DamagedWeights` where one is missing.
    """
    missing = [name for name in NEEDED["whisper"] if not (folder / name).is_file()]
    if missing:
        raise DamagedWeights(
            str(folder),
            f"there is no {' and no '.join(missing)}; a Whisper model in CTranslate2's form has them",
        )
    return digest_of_parts(
        (name, digest_of(folder / name)) for name in MODEL_FILES if (folder / name).is_file()
    )


def _checked_folder(folder: str | None, sha256: str | None) -> Path:
    if folder is None or not Path(folder).is_dir():
        raise ModelError(
            f"audio.model={folder}",
            "no folder has been settled on; it has to be at the same place on every machine",
        )
    digest = model_digest(Path(folder))
    if sha256 not in (None, digest):
        raise WrongDigest(folder, digest, sha256)
    return Path(folder)


def _language(model: Any, language: str | None) -> str | None:
    """The language to use, None to detect it.

    Raises `InvalidSetting` for one that the model does not know.
    """
    known = model.supported_languages
    if language is not None and language not in known:
        raise InvalidSetting(
            "audio.language",
            language,
            "the model knows "
            f"{', '.join(known) if len(known) < 5 else f'{len(known)} languages by their codes, such as en'}",
        )
    return language or (known[0] if len(known) == 1 else None)
