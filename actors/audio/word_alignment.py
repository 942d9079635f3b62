"""When each word is said, by a model of letters and whisperX's forced alignment.

Source: Bain et al., WhisperX, Interspeech 2023; torchaudio's tutorial of forced alignment. whisperX's own
`align` also splits sentences, by data that it fetches unasked, and words are all that is wanted here.
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

LEAST_SAMPLES: Final = 400  # of the models' first layer
WITHOUT_SPACES: Final = ("ja", "zh")  # each character is a word
BETWEEN: Final = "|"  # words, in the models' letters
BLANKS: Final = ("[pad]", "<pad>")
UNLOADABLE: Final = (OSError, RuntimeError, ValueError, KeyError, EOFError, UnpicklingError)


class WordAligner:
    """Words of utterances with their times; one model for each language, loaded when it is first spoken.
    Raises `ModelError`s.

    Stretches are worked on one at a time, so that none depends on another.
    """

    def __init__(self, settings: Settings, *, threads: int = 1) -> None:
        import torch

        torch.set_num_threads(threads)
        self._named, self._device = (
            settings.audio.align_model or settings.models.aligner,
            device_of(settings.audio.device),
        )
        self._folders = own_folders(settings)
        self._letters: dict[str, Letters | None] = {}

    def align(self, utterances: Sequence[Utterance], speeches: Sequence[SpeechSegment]) -> list[Utterance]:
        """The utterances, one to one, with words in seconds since the first sample; without where their
        language has no model.
        """
        return [
            replace(said, words=self._words(said, speech))
            for said, speech in zip(utterances, speeches, strict=True)
        ]

    def _words(self, said: Utterance, speech: SpeechSegment) -> tuple[RecognizedWord, ...]:
        if not said.text:
            return ()
        if said.language not in self._letters:
            self._letters[said.language] = self._loaded(said.language)
        letters = self._letters[said.language]
        return letters.words(said.text, speech) if letters else ()

    def _loaded(self, language: str) -> Letters | None:
        name = self._named or usual_model(language)
        return (
            letters_of(fetched(name, kind="align", folders=self._folders), language, self._device)
            if name
            else None
        )


def usual_model(language: str) -> str | None:
    """What whisperX aligns a language with: a model of torchaudio or of the hub; None where it has none."""
    with telemetry_off():
        from whisperx.alignment import DEFAULT_ALIGN_MODELS_HF, DEFAULT_ALIGN_MODELS_TORCH

    name: str | None = DEFAULT_ALIGN_MODELS_TORCH.get(language) or DEFAULT_ALIGN_MODELS_HF.get(language)
    return name


def letters_of(path: Path, language: str, device: str) -> Letters:
    """A model that is here: a folder of the hub's form, or a file of torchaudio's; raises
    `DamagedWeights`, `ModelError`.
    """
    try:
        network, numbers = (_from_file if path.is_file() else _from_folder)(path, language, device)
    except UNLOADABLE as error:
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise DamagedWeights(str(path), f"it cannot be loaded to align words ({why})") from error
    return Letters(network.eval(), numbers, path.is_dir(), language not in WITHOUT_SPACES, device)


def _from_folder(path: Path, language: str, device: str) -> tuple[Any, dict[str, int]]:
    with telemetry_off(alone=True):
        from whisperx.alignment import load_align_model

        network, about = load_align_model(language, device, model_name=str(path), model_cache_only=True)
    return network, about["dictionary"]


def _from_file(path: Path, _language: str, device: str) -> tuple[Any, dict[str, int]]:
    """As whisperX does it, but that nothing in the file is run."""
    bundle = bundle_in(path)
    network = bundle.get_model(
        dl_kwargs={"model_dir": str(path.parent), "map_location": device, "weights_only": True}
    )
    return network.to(device), {letter.lower(): number for number, letter in enumerate(bundle.get_labels())}


@dataclass(frozen=True, slots=True)
class Letters:
    """A network that tells how likely each symbol of `numbers` is in each frame of 20 ms."""

    network: Any
    numbers: dict[str, int]
    is_transformers: bool
    has_spaces: bool
    device: str

    def words(self, text: str, speech: SpeechSegment) -> tuple[RecognizedWord, ...]:
        """Words of `text` with times in seconds since the first sample of the sound; without times where
        the speech is too short for it.
        """
        from whisperx.alignment import backtrack, get_trellis, merge_repeats

        split = text.split() if self.has_spaces else [char for char in text if not char.isspace()]
        symbols = self._symbols(split)
        chances, numbers = self._chances(speech.samples, symbols)
        path = backtrack(get_trellis(chances, numbers, self._blank), chances, numbers, self._blank)
        if path is None:
            return tuple(RecognizedWord(word, None, None) for word in split)
        frame_s = len(speech.samples) / SAMPLE_RATE / len(chances)
        return _timed(
            split,
            symbols,
            merge_repeats(path, "".join(symbol for _, symbol in symbols)),
            frame_s,
            speech.start_s,
        )

    @property
    def _blank(self) -> int:
        return next((self.numbers[symbol] for symbol in BLANKS if symbol in self.numbers), 0)

    def _symbols(self, words: Sequence[str]) -> list[tuple[int, str]]:
        """(number of the word, symbol), with what parts words between them where the model knows it; its
        number is -1.
        """
        parted = self.has_spaces and BETWEEN in self.numbers
        symbols: list[tuple[int, str]] = []
        for number, word in enumerate(words):
            symbols += [(-1, BETWEEN)] * (parted and number > 0)
            symbols += [(number, char) for letter in word for char in letter.lower()[:1]]
        return symbols

    def _chances(self, samples: Floats32, symbols: Sequence[tuple[int, str]]) -> tuple[Any, list[int]]:
        """Frames x symbols log probabilities, and each symbol's column; one the model does not know is
        whatever else is likeliest.
        """
        import torch

        waveform = torch.from_numpy(np.pad(samples, (0, max(0, LEAST_SAMPLES - len(samples)))))[None].to(
            self.device
        )
        with torch.inference_mode():
            logits = self.network(waveform).logits if self.is_transformers else self.network(waveform)[0]
            chances = logits.log_softmax(-1)[0].cpu()
        spoken = [column for column in range(chances.shape[1]) if column != self._blank]
        chances = torch.cat([chances, chances[:, spoken].max(1, keepdim=True).values], 1)
        return chances, [self.numbers.get(symbol, chances.shape[1] - 1) for _, symbol in symbols]


def _timed(
    words: Sequence[str],
    symbols: Sequence[tuple[int, str]],
    segments: Sequence[Any],
    frame_s: float,
    start_s: float,
) -> tuple[RecognizedWord, ...]:
    """Words from the frames of their letters; their score is the mean of their letters'."""
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
