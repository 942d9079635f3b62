"""Aligners of torchaudio's, as workers load them: from the path that a run bound, by nothing but reading
it.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.audio.word_alignment import WordAligner, letters_of
from actors.model_files import torchaudio
from schemas.errors import DamagedWeights
from schemas.inference.transcript import SpeechSegment, Utterance
from schemas.media.audio import SAMPLE_RATE
from schemas.settings.settings import AudioSettings, ModelSettings, Settings

FILE = "tiny_asr.pth"
SIZES = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [(8, 10, 5), (8, 8, 8), (8, 8, 8)],
    "extractor_conv_bias": False,
}
LAYERS = {
    "encoder_embed_dim": 16,
    "encoder_num_layers": 1,
    "encoder_num_heads": 2,
    "encoder_ff_interm_features": 16,
}
WIDTHS = {"encoder_pos_conv_kernel": 3, "encoder_pos_conv_groups": 1, "encoder_layer_norm_first": False}
NEVER = dict.fromkeys(
    (
        "encoder_projection_dropout",
        "encoder_attention_dropout",
        "encoder_ff_interm_dropout",
        "encoder_dropout",
    ),
    0.0,
)


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch, no_network: list[str]) -> Any:
    """A model of torchaudio's kind with hardly any numbers in it, under a name that this process knows."""
    from torchaudio.pipelines import Wav2Vec2ASRBundle

    params = {**SIZES, **LAYERS, **WIDTHS, **NEVER, "encoder_layer_drop": 0.0, "aux_num_out": 29}
    labels = ("|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ")
    tiny = Wav2Vec2ASRBundle(
        FILE, params, SAMPLE_RATE, False, "Wav2Vec2", _labels=labels, _remove_aux_axis=(1, 2, 3)
    )
    monkeypatch.setattr(torchaudio, "_bundles", lambda: {"TINY": tiny})
    return tiny


@pytest.fixture
def weights(bundle: Any, tmp_path: Path) -> Path:
    """Its file as torchaudio publishes them: with three letters more, which are taken out when it is
    loaded.
    """
    import torch
    from torchaudio.models import wav2vec2_model

    torch.manual_seed(7)
    told = wav2vec2_model(**{**bundle._params, "aux_num_out": 32}).state_dict()
    torch.save(told, tmp_path / FILE)
    return tmp_path / FILE


def aligner(**settings: Any) -> WordAligner:
    audio, models = {"device": "cpu", **settings.pop("audio", {})}, ModelSettings(**settings)
    return WordAligner(Settings(audio=AudioSettings(**audio), models=models))


@pytest.mark.parametrize(
    "told",
    [lambda path: {"aligner": path}, lambda path: {"audio": {"align_model": path}}],
    ids=["language", "named"],
)
def test_workers_time_words_by_the_file_that_the_run_bound(
    weights: Path, no_network: list[str], told: Callable[[str], Any]
) -> None:
    speech = SpeechSegment(np.random.default_rng(1).normal(0, 0.1, SAMPLE_RATE).astype(np.float32), 5.0)
    said = Utterance(5.0, 6.0, "two words", "en", 0.9)
    (found,) = aligner(**told(str(weights))).align([said], [speech])
    assert [word.text for word in found.words] == ["two", "words"]
    assert all(word.start_s is not None and 5.0 <= word.start_s <= 6.0 for word in found.words)
    assert no_network == []


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("was_run",)


@pytest.mark.parametrize(
    "content", [b"", b"not weights", pickle.dumps({"aux.weight": Evil()}, 2)], ids=["empty", "noise", "code"]
)
def test_a_file_that_is_no_weights_is_told_and_nothing_in_it_runs(
    bundle: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(DamagedWeights, match="it cannot be loaded to align words"):
        letters_of(tmp_path / FILE, "en", "cpu")
    assert not (tmp_path / "was_run").exists()


def test_a_bound_file_that_is_gone_is_told_and_not_fetched(
    bundle: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VAENGINE_OFFLINE")
    gone = aligner(aligner=str(tmp_path / FILE))
    with pytest.raises(DamagedWeights, match="at the same place on every machine"):
        gone.align(
            [Utterance(0.0, 1.0, "word", "en", 0.9)], [SpeechSegment(np.zeros(SAMPLE_RATE, np.float32), 0.0)]
        )
