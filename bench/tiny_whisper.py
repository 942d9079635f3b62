"""A Whisper of two layers that knows a few sentences by heart, in CTranslate2's form."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.fixtures.spoken_clips import SpokenClip, seeded, varied

if TYPE_CHECKING:
    from torch import Tensor

WIDTH: Final = 64
MELS: Final = 80
FRAMES: Final = 3000  # of 30 s, as the real ones take them
# (mel frames, sentences a step, steps): what is heard first is the sentence, last that silence follows it
PHASES: Final = ((400, 11, 140), (1000, 11, 20), (FRAMES, 4, 16))
SPECIAL: Final = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nocaptions|>",
    "<|notimestamps|>",
)


def trained_whisper(folder: Path, clips: Sequence[SpokenClip]) -> Path:
    """`folder` as faster-whisper loads it."""
    import torch

    with seeded() as draw:
        tokenizer = _tokenizer([clip.text for clip in clips])
        model = _model(tokenizer)
        targets = _targets(tokenizer, [clip.text for clip in clips])
        optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
        rates = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=2e-3, total_steps=sum(steps for *_, steps in PHASES), pct_start=0.15, final_div_factor=1
        )
        for frames, sentences, steps in PHASES:
            _look_at(model, frames)
            for _ in range(steps):
                chosen = draw.choice(len(clips), min(sentences, len(clips)), replace=False)
                heard = torch.stack([_features(varied(clips[index].samples, draw)[0], frames) for index in chosen])
                model(input_features=heard, **{name: value[chosen] for name, value in targets.items()}).loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
                rates.step()
        return _converted(model.eval(), tokenizer, folder)


def _features(samples: Any, frames: int) -> Tensor:
    """80 x `frames` log-mel, in silence from where the samples end."""
    from whisperx.audio import HOP_LENGTH, log_mel_spectrogram

    features: Tensor = log_mel_spectrogram(samples, n_mels=MELS, padding=frames * HOP_LENGTH - len(samples))
    return features


def _look_at(model: Any, frames: int) -> None:
    """Have the encoder take `frames` mel frames, two a position; its positions are sinusoids and the longer ones begin like the shorter."""
    import torch
    from transformers.models.whisper.modeling_whisper import sinusoids

    model.config.max_source_positions = frames // 2
    places = torch.nn.Embedding.from_pretrained(sinusoids(frames // 2, WIDTH), freeze=True)  # type: ignore[no-untyped-call]  # untyped in torch
    model.model.encoder.embed_positions = places


def _tokenizer(texts: Sequence[str]) -> Any:
    """Bytes and the words of `texts`, then the special tokens, in the order of the real ones."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator((f" {text}" for text in texts), trainers.BpeTrainer(initial_alphabet=alphabet, show_progress=False))
    tokenizer.add_special_tokens(list(SPECIAL))
    end, begin = SPECIAL[:2]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=begin, eos_token=end, pad_token=end, additional_special_tokens=list(SPECIAL)
    )


def _model(tokenizer: Any) -> Any:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    end, begin, *_ = tokenizer.convert_tokens_to_ids(list(SPECIAL))
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=MELS,
        d_model=WIDTH,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=4 * WIDTH,
        decoder_ffn_dim=4 * WIDTH,
        max_source_positions=FRAMES // 2,
        pad_token_id=end,
        bos_token_id=begin,
        eos_token_id=end,
        decoder_start_token_id=begin,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config.suppress_tokens, model.generation_config.begin_suppress_tokens = [], [end]
    return model


def _targets(tokenizer: Any, texts: Sequence[str]) -> dict[str, Tensor]:
    """What the decoder is given and what it has to say to it, N x L each."""
    import torch

    end, begin, *_, untimed = tokenizer.convert_tokens_to_ids(list(SPECIAL))
    said = [tokenizer.encode(f" {text}", add_special_tokens=False) for text in texts]
    longest = max(map(len, said))
    given = [[begin, untimed, *ids, *[end] * (longest - len(ids))] for ids in said]
    wanted = [[-100, *ids, end, *[-100] * (longest - len(ids))] for ids in said]
    return {"decoder_input_ids": torch.tensor(given), "labels": torch.tensor(wanted)}


def _converted(model: Any, tokenizer: Any, folder: Path) -> Path:
    from ctranslate2.converters import TransformersConverter
    from transformers import WhisperFeatureExtractor

    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        WhisperFeatureExtractor(feature_size=MELS).save_pretrained(scratch)
        converter = TransformersConverter(scratch, copy_files=["tokenizer.json", "preprocessor_config.json"])
        converter.convert(str(folder), quantization="float32", force=True)
    return folder
