"""A wav2vec 2.0 of two layers with a CTC head that knows when the words of a few sentences are said, as transformers loads it."""

from __future__ import annotations

import json
import string
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bench.fixtures.spoken_clips import SpokenClip, seeded, varied
from schemas.frames import Ints
from schemas.sound import SAMPLE_RATE

if TYPE_CHECKING:
    from torch import Tensor

SYMBOLS: Final = ("<pad>", "<s>", "</s>", "<unk>", "|", *string.ascii_lowercase)
BLANK: Final = SYMBOLS.index("<pad>")
BETWEEN: Final = SYMBOLS.index("|")  # words
HOP: Final = 320  # samples a frame, as in the real ones
CHANNELS: Final = (8, 16, 16, 32, 32, 32, 32)  # of the convolutions; most of the time goes into the first two
WIDTH: Final = 64
STEPS: Final = 180
TIMES_COUNT: Final = 4.0  # against the order of letters
TIMED_TAKES: Final = 3  # of each sentence with word times in a step
UNTIMED_TAKES: Final = 3  # of all others together


def trained_aligner(folder: Path, clips: Sequence[SpokenClip]) -> Path:
    """`folder` as whisperX loads it; sentences without word times teach the letters and their order, those with teach the times."""
    import torch

    with seeded() as draw:
        timed, untimed = [clip for clip in clips if clip.words], [clip for clip in clips if not clip.words]
        model = _model()
        optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
        rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=STEPS, pct_start=0.15)
        for _ in range(STEPS):
            chosen = [*timed * TIMED_TAKES, *(untimed[index] for index in draw.choice(len(untimed), UNTIMED_TAKES, replace=False))]
            takes = [varied(clip.samples, draw) for clip in chosen]
            longest = max(len(samples) for samples, _ in takes)
            logits = model(torch.tensor(np.stack([np.pad(samples, (0, longest - len(samples))) for samples, _ in takes]))).logits
            half = len(timed) * TIMED_TAKES
            times = _time_loss(logits[:half], chosen[:half], [shift_s for _, shift_s in takes])
            loss = TIMES_COUNT * times + _order_loss(logits[half:], chosen[half:])
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            rates.step()
        return _saved(model.eval(), folder)


def _order_loss(logits: Tensor, clips: Sequence[SpokenClip]) -> Tensor:
    """CTC: the letters and their order."""
    import torch
    from torch.nn.functional import ctc_loss

    texts = [torch.tensor([SYMBOLS.index("|" if char == " " else char) for char in clip.text]) for clip in clips]
    lengths = torch.tensor([len(text) for text in texts])
    frames = torch.full((len(clips),), logits.shape[1])
    return ctc_loss(logits.log_softmax(-1).transpose(0, 1), torch.cat(texts), frames, lengths, blank=BLANK)


def _time_loss(logits: Tensor, clips: Sequence[SpokenClip], shifts_s: Sequence[float]) -> Tensor:
    """Cross-entropy of each frame, where it is known when words are said."""
    import torch
    from torch.nn.functional import cross_entropy

    wanted = torch.tensor(np.stack([symbols_of(clip, shift_s, logits.shape[1]) for clip, shift_s in zip(clips, shifts_s, strict=False)]))
    weights = torch.ones(len(SYMBOLS))
    weights[BLANK] = 0.2  # most frames
    return cross_entropy(logits.transpose(1, 2), wanted, weights)


def symbols_of(clip: SpokenClip, shift_s: float, frames: int) -> Ints:
    """What each frame says: a word's letters spread from its first frame to the one before its last, the end of a word in its last.

    whisperX takes a letter's frame for where it begins and the next symbol's for where it ends.
    """
    said = np.full(frames, BLANK, np.int64)
    for number, (word, start_s, end_s) in enumerate(clip.words):
        first, last = (round((at_s + shift_s) * SAMPLE_RATE / HOP) for at_s in (start_s, end_s))
        ends = number + 1 == len(clip.words)
        places = np.linspace(first, last - (1 if ends else 2), len(word)).round().astype(int)
        said[places.clip(0, frames - 1)] = [SYMBOLS.index(letter) for letter in word]
        if not ends:
            said[last - 1] = BETWEEN
    return said


def _model() -> Any:
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    return Wav2Vec2ForCTC(
        Wav2Vec2Config(
            vocab_size=len(SYMBOLS),
            pad_token_id=BLANK,
            bos_token_id=SYMBOLS.index("<s>"),
            eos_token_id=SYMBOLS.index("</s>"),
            hidden_size=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=4 * WIDTH,
            conv_dim=CHANNELS,
            feat_extract_activation="relu",
            feat_extract_norm="layer",  # each frame by itself: a sentence looks the same wherever it is
            do_stable_layer_norm=True,
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=4,
            apply_spec_augment=False,
            layerdrop=0.0,
            hidden_dropout=0.0,
            attention_dropout=0.0,
            activation_dropout=0.0,
            feat_proj_dropout=0.0,
            final_dropout=0.0,
        )
    )


def _saved(model: Any, folder: Path) -> Path:
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor

    with tempfile.TemporaryDirectory() as scratch:
        vocabulary = Path(scratch) / "vocab.json"
        vocabulary.write_text(json.dumps({symbol: number for number, symbol in enumerate(SYMBOLS)}), encoding="utf-8")
        tokenizer = Wav2Vec2CTCTokenizer(str(vocabulary), word_delimiter_token="|")
        Wav2Vec2Processor(feature_extractor=Wav2Vec2FeatureExtractor(do_normalize=False), tokenizer=tokenizer).save_pretrained(folder)
    model.save_pretrained(folder)
    return folder
