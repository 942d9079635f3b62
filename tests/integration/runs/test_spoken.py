"""Speech with real text, end to end: a tiny Whisper that knows eleven sentences by heart drives all that
a real one would. To train it takes two minutes of a core; `test_packaged_models` has a real one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from actors.audio.speech_recognition import SpeechRecognizer, model_digest
from actors.audio.word_alignment import WordAligner
from bench.fixtures.spoken_clips import SpokenClip
from bench.fixtures.tiny_speech import grid_clips, train_models
from schemas.annotations.annotation import SPEECH, WORD, Annotation
from schemas.errors import WrongDigest
from schemas.inference.transcript import SpeechSegment
from schemas.media.audio import SAMPLE_RATE
from schemas.pipelines import AUDIO
from schemas.settings.settings import Settings
from tests.conftest import SHARED
from tests.support.runs import runs

pytestmark = [pytest.mark.long, pytest.mark.shared, pytest.mark.timeout(600)]

GRID = SHARED / "media" / "video" / "grid"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Whisper model and a tiny aligner, trained now."""
    folder = tmp_path_factory.mktemp("tiny")
    train_models(folder, grid_clips())
    return folder


@pytest.fixture(scope="module")
def spoken() -> list[SpokenClip]:
    return grid_clips()


def told(tiny: Path) -> dict[str, Any]:
    """Settings as a run would be fitted with them, dots written as `__`."""
    model = {"audio__model": str(tiny / "whisper"), "audio__model_sha256": model_digest(tiny / "whisper")}
    return {
        **model,
        "audio__align_model": str(tiny / "align"),
        "audio__device": "cpu",
        "audio__compute_type": "float32",
    }


def fitted(tiny: Path) -> Settings:
    return runs.settings(**told(tiny))


def speeches(spoken: list[SpokenClip]) -> list[SpeechSegment]:
    """Each sentence ten seconds after the one before."""
    return [SpeechSegment(clip.samples, 10.0 * number) for number, clip in enumerate(spoken)]


def test_what_was_learnt_is_recognized_word_for_word(tiny: Path, spoken: list[SpokenClip]) -> None:
    import jiwer

    found = SpeechRecognizer(fitted(tiny)).transcribe(speeches(spoken))
    assert jiwer.wer([clip.text for clip in spoken], [one.text for one in found]) <= 0.1
    assert [round(one.start_s) for one in found] == [10 * number for number in range(len(spoken))]
    assert all(
        one.end_s - one.start_s == pytest.approx(len(clip.samples) / SAMPLE_RATE)
        for one, clip in zip(found, spoken, strict=True)
    )


def test_neither_batch_mates_nor_their_number_nor_their_order_change_a_text(
    tiny: Path, spoken: list[SpokenClip]
) -> None:
    recognizer, given = SpeechRecognizer(fitted(tiny)), speeches(spoken)
    alone = [recognizer.transcribe([speech])[0] for speech in given]
    recognizer.batch_size = 4
    together = recognizer.transcribe(given[::-1])[::-1]
    assert [one.text for one in together] == [one.text for one in alone]
    assert [one.confidence for one in together] == pytest.approx([one.confidence for one in alone], abs=1e-3)


def test_texts_are_those_of_whisperx_itself(tiny: Path, spoken: list[SpokenClip]) -> None:
    import whisperx

    pipeline = whisperx.load_model(
        str(tiny / "whisper"), "cpu", compute_type="float32", language="en", threads=1
    )
    ours = SpeechRecognizer(fitted(tiny)).transcribe(speeches(spoken)[:4])
    for clip, one in zip(spoken[:4], ours, strict=True):
        theirs = next(iter(pipeline([{"inputs": clip.samples}], batch_size=1)))
        assert theirs["text"][0].strip() == one.text


def test_recognition_imports_nothing_for_tasks_that_are_not_asked_for(tiny: Path) -> None:
    program = (
        "import sys; from actors.audio.speech_recognition import SpeechRecognizer;"
        "from schemas.settings.settings import Settings;"
        f"SpeechRecognizer(Settings.model_validate_json({fitted(tiny).model_dump_json()!r}));"
        "names = ('torch', 'transformers', 'pyannote.audio', 'matplotlib');"
        "print([name for name in names if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_words_begin_within_a_tenth_of_a_second_of_where_they_were_heard_to(
    tiny: Path, spoken: list[SpokenClip]
) -> None:
    (timed,) = [clip for clip in spoken if clip.words]
    speech = SpeechSegment(timed.samples, 100.0)
    settings = fitted(tiny)
    (found,) = WordAligner(settings).align(SpeechRecognizer(settings).transcribe([speech]), [speech])
    assert [word.text for word in found.words] == [text for text, _, _ in timed.words]
    for word, (_, start_s, _) in zip(found.words, timed.words, strict=True):
        assert word.start_s == pytest.approx(100.0 + start_s, abs=0.1)
    for word, (_, _, end_s) in zip(
        found.words[:-1], timed.words[:-1], strict=True
    ):  # where the last one fades out is a matter of taste
        assert word.end_s == pytest.approx(100.0 + end_s, abs=0.1)


def test_a_model_that_changes_under_a_run_is_refused(tiny: Path) -> None:
    settings = fitted(tiny)
    other = settings.model_copy(
        update={"audio": settings.audio.model_copy(update={"model_sha256": "0" * 64})}
    )
    with pytest.raises(WrongDigest):
        SpeechRecognizer(other)


def of(rows: list[Annotation], kind: str) -> list[Annotation]:
    return [row for row in rows if row.annotation_type == kind]


def test_speech_is_stored_with_its_words_and_as_subtitles_and_a_change_of_workers_changes_nothing(
    tiny: Path, tmp_path: Path
) -> None:
    clips = [GRID / "bbaf2n.mpg", GRID / "lbbc2a.mpg"]
    for name, workers in (("one", 1), ("two", 2)):
        assert (
            runs.run(
                clips, tmp_path / name, pipelines=[AUDIO], **told(tiny), engine__workers=workers
            ).completed
            == 2
        )
    assert runs.digest(runs.sqlite(tmp_path / "one")) == runs.digest(runs.sqlite(tmp_path / "two"))
    rows = runs.rows(runs.sqlite(tmp_path / "one"), AUDIO)["bbaf2n.mpg"]
    (speech,) = of(rows, SPEECH)
    assert speech.attributes == {"text": "bin blue at f two now", "language": "en"}
    assert [row.attributes["word"] for row in of(rows, WORD)] == ["bin", "blue", "at", "f", "two", "now"]
    assert 0 <= speech.timestamp_seconds < of(rows, WORD)[-1].end_seconds <= 3.0
    (folder,) = (tmp_path / "one").glob("bbaf2n-*")
    assert "bin blue at f two now" in (folder / "audio_processing.vtt").read_text()
    assert "bin blue at f two now" in (folder / "audio_processing.srt").read_text()
    assert not (folder / "audio_processing.rttm").exists()


def test_a_setting_of_settings_is_part_of_what_identifies_a_text(tiny: Path) -> None:
    from schemas.settings.settings import config_hash

    settings = fitted(tiny)
    moved = settings.audio.model_copy(update={"model": "/elsewhere/whisper"})
    other = settings.audio.model_copy(update={"beam_size": 1})
    assert config_hash(replace_audio(settings, moved), AUDIO) == config_hash(settings, AUDIO)
    assert config_hash(replace_audio(settings, other), AUDIO) != config_hash(settings, AUDIO)


def replace_audio(settings: Settings, audio: Any) -> Settings:
    return settings.model_copy(update={"audio": audio})
