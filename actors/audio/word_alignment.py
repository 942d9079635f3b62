"""Times words with a letter model and whisperX's forced alignment.

Source: Bain et al., WhisperX, Interspeech 2023; torchaudio's tutorial of forced alignment. whisperX's own
`align` also splits sentences, with data that it fetches unasked; only words are needed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import numpy as np

from actors.audio.speech_recognition import device_of
from actors.model_files.huggingface import fetched, own_folders
from actors.model_files.telemetry import telemetry_off
from actors.model_files.torchaudio import bundle_in
from schemas.errors import DamagedWeights
from schemas.inference.transcript import RecognizedWord, SpeechSegment, Utterance
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats32
from schemas.settings.settings import Settings

MIN_SAMPLES: Final = 400  # Of the models' first layer.
WITHOUT_SPACES: Final = ("ja", "zh")  # In these languages each character is a word.
WORD_SEPARATOR: Final = "|"  # In the models' letters.
BLANK_SYMBOLS: Final = ("[pad]", "<pad>")
LOADING_ERRORS: Final = (OSError, RuntimeError, ValueError, KeyError, EOFError, UnpicklingError)


class WordAligner:
    """Times the words of utterances with one model for each language, loaded at its first utterance.

    Segments run one at a time, so that none depends on another. Raises `ModelError`s.
    """

    def __init__(self, settings: Settings, *, threads: int = 1) -> None:
        import torch

        torch.set_num_threads(threads)
        self._model_name = settings.audio.align_model or settings.models.aligner
        self._device = device_of(settings.audio.device)
        self._folders = own_folders(settings)
        self._letters: dict[str, LetterModel | None] = {}

    def align(self, utterances: Sequence[Utterance], speeches: Sequence[SpeechSegment]) -> list[Utterance]:
        """The utterances, one to one, with words in seconds since the first sample.

        Without words where their language has no model.
        """
        return [
            replace(utterance, words=self._words(utterance, speech))
            for utterance, speech in zip(utterances, speeches, strict=True)
        ]

    def _words(self, utterance: Utterance, speech: SpeechSegment) -> tuple[RecognizedWord, ...]:
        if not utterance.text:
            return ()
        if utterance.language not in self._letters:
            self._letters[utterance.language] = self._loaded(utterance.language)
        letters = self._letters[utterance.language]
        return letters.words(utterance.text, speech) if letters else ()

    def _loaded(self, language: str) -> LetterModel | None:
        name = self._model_name or usual_model(language)
        return (
            letters_of(fetched(name, kind="align", folders=self._folders), language, self._device)
            if name
            else None
        )


def usual_model(language: str) -> str | None:
    """whisperX's model for a language, of torchaudio or of the hub; None where it has none."""
    with telemetry_off():
        from whisperx.alignment import DEFAULT_ALIGN_MODELS_HF, DEFAULT_ALIGN_MODELS_TORCH

    name: str | None = DEFAULT_ALIGN_MODELS_TORCH.get(language) or DEFAULT_ALIGN_MODELS_HF.get(language)
    return name


def letters_of(path: Path, language: str, device: str) -> LetterModel:
    """The letter model in a folder of the hub's form, or in a file of torchaudio's.

    Raises `DamagedWeights`, `ModelError`.
    """
    try:
        network, numbers = (_from_file if path.is_file() else _from_folder)(path, language, device)
    except LOADING_ERRORS as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DamagedWeights(str(path), f"it cannot be loaded to align words ({reason})") from error
    return LetterModel(network.eval(), numbers, path.is_dir(), language not in WITHOUT_SPACES, device)


def _from_folder(path: Path, language: str, device: str) -> tuple[Any, dict[str, int]]:
    with telemetry_off(alone=True):
        from whisperx.alignment import load_align_model

        network, metadata = load_align_model(language, device, model_name=str(path), model_cache_only=True)
    return network, metadata["dictionary"]


def _from_file(path: Path, _language: str, device: str) -> tuple[Any, dict[str, int]]:
    """Loads a file as whisperX does, except that nothing in the file is run."""
    bundle = bundle_in(path)
    network = bundle.get_model(
        dl_kwargs={"model_dir": str(path.parent), "map_location": device, "weights_only": True}
    )
    return network.to(device), {letter.lower(): number for number, letter in enumerate(bundle.get_labels())}


@dataclass(frozen=True, slots=True)
class LetterModel:
    """A network that gives the probability of each symbol of `numbers` in each frame of 20 ms."""

    network: Any
    numbers: dict[str, int]
    is_transformers: bool
    has_spaces: bool
    device: str

    def words(self, text: str, speech: SpeechSegment) -> tuple[RecognizedWord, ...]:
        """Words of `text` with times in seconds since the first sample of the sound.

        Without times where the speech is too short for them.
        """
        from whisperx.alignment import backtrack, get_trellis, merge_repeats

        split = text.split() if self.has_spaces else [char for char in text if not char.isspace()]
        symbols = self._symbols(split)
        log_probabilities, numbers = self._log_probabilities(speech.samples, symbols)
        path = backtrack(
            get_trellis(log_probabilities, numbers, self._blank), log_probabilities, numbers, self._blank
        )
        if path is None:
            return tuple(RecognizedWord(word, None, None) for word in split)
        frame_s = len(speech.samples) / SAMPLE_RATE / len(log_probabilities)
        return _timed(
            split,
            symbols,
            merge_repeats(path, "".join(symbol for _, symbol in symbols)),
            frame_s,
            speech.start_s,
        )

    @property
    def _blank(self) -> int:
        return next((self.numbers[symbol] for symbol in BLANK_SYMBOLS if symbol in self.numbers), 0)

    def _symbols(self, words: Sequence[str]) -> list[tuple[int, str]]:
        """Pairs of (number of the word, symbol); a separator between words has the number -1.

        There are separators only where the model knows one.
        """
        has_separator = self.has_spaces and WORD_SEPARATOR in self.numbers
        symbols: list[tuple[int, str]] = []
        for number, word in enumerate(words):
            symbols += [(-1, WORD_SEPARATOR)] * (has_separator and number > 0)
            symbols += [(number, char) for letter in word for char in letter.lower()[:1]]
        return symbols

    def _log_probabilities(
        self, samples: Floats32, symbols: Sequence[tuple[int, str]]
    ) -> tuple[Any, list[int]]:
        """Log probabilities, frames x symbols, and each symbol's column.

        A symbol that the model does not know has the column of the likeliest other symbol.
        """
        import torch

        waveform = torch.from_numpy(np.pad(samples, (0, max(0, MIN_SAMPLES - len(samples)))))[None].to(
            self.device
        )
        with torch.inference_mode():
            logits = self.network(waveform).logits if self.is_transformers else self.network(waveform)[0]
            log_probabilities = logits.log_softmax(-1)[0].cpu()
        spoken = [column for column in range(log_probabilities.shape[1]) if column != self._blank]
        log_probabilities = torch.cat(
            [log_probabilities, log_probabilities[:, spoken].max(1, keepdim=True).values], 1
        )
        return log_probabilities, [
            self.numbers.get(symbol, log_probabilities.shape[1] - 1) for _, symbol in symbols
        ]


def _timed(
    words: Sequence[str],
    symbols: Sequence[tuple[int, str]],
    segments: Sequence[Any],
    frame_s: float,
    start_s: float,
) -> tuple[RecognizedWord, ...]:
    """Words from the frames of their letters; the score of a word is the mean of its letters' scores."""
    timed = []
    for number, group in groupby(zip(symbols, segments, strict=True), key=lambda pair: pair[0][0]):
        letters = [segment for _, segment in group]
        if number >= 0:
            begin_s, end_s = (
                round(start_s + frame * frame_s, 3) for frame in (letters[0].start, letters[-1].end)
            )
            timed.append(
                RecognizedWord(
                    words[number],
                    begin_s,
                    end_s,
                    round(float(np.mean([letter.score for letter in letters])), 3),
                )
            )
    return tuple(timed)
