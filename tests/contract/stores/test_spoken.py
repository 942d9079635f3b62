"""What every store finds of what is said: the same words and phrases as a plain comparison."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.stores import open_store
from schemas.annotations.annotation import SPEECH, WORD, Annotation, annotation_id
from schemas.annotations.words import Phrase, WordSearch, words_of
from schemas.pipelines import AUDIO, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.current_result import complete_results
from tests.contract.conftest import STORES
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import RUN, Clip, done
from vaengine.queries.said import said

NUMBERS = count()
CLIP = Clip("/clips/talk.mp4", "a")
KEY = CLIP.key(AUDIO)


def utterance(clip: Clip, text: str, at: int, length_s: float = 1.0) -> Annotation:
    row = Rows(clip.video_id).speech(text, float(at), at + length_s, "speaker_0001")
    return replace(row, annotation_id=annotation_id(clip.video_id, AUDIO, "c1", SPEECH, at, 0))


def spoken(clip: Clip, word: str, start_s: float, end_s: float) -> Annotation:
    row = Rows(clip.video_id).heard(WORD, start_s, end_s, word=word)
    return replace(
        row, annotation_id=annotation_id(clip.video_id, AUDIO, "c1", word, round(start_s * 100), 0)
    )


def keep(store: StorageBackend, clip: Clip, rows: list[Annotation], epoch: int | None = None) -> None:
    key = clip.key(AUDIO)
    epoch = store.open_run(RUN) if epoch is None else epoch
    store.register(epoch, [clip.video], [clip.job(key)])
    store.finish(epoch, done(clip.job(key), key, rows))


def found(store: StorageBackend, search: str, videos: list[str] | None = None) -> list[float | None]:
    return [row.timestamp_seconds for row in store.utterances(WordSearch.parse(search), videos)]


@contextmanager
def every_store(folder: Path) -> Iterator[list[tuple[StorageBackend, int]]]:
    stores = [open_store(address(folder / name)) for name, address in STORES.items()]
    try:
        yield [(store, store.open_run(RUN)) for store in stores]
    finally:
        for store in stores:
            store.close()


TEXTS = [
    "Good morning, everybody!",
    "In the morning it’s good.",
    "GOOD  MORNINGS are rare",
    "Straße, Äpfel und Öl",
    "你好，世界",
    "don't",
]


@pytest.mark.parametrize(
    ("search", "places"),
    [
        ("good", [0, 1, 2]),
        ("good morning", [0, 1]),
        ('"good morning"', [0]),
        ('"good morning*"', [0, 2]),
        ("morn*", [0, 1, 2]),
        ("ÄPFEL strasse", [3]),
        ("世界", [4]),
        ("界世", []),
        ("dont", []),
        ("don’t", [5]),
        ("it's", [1]),
        ("' OR 1=1 --", []),
    ],
)
def test_words_phrases_and_beginnings_are_found(
    store: StorageBackend, search: str, places: list[int]
) -> None:
    keep(store, CLIP, [utterance(CLIP, text, at) for at, text in enumerate(TEXTS)])
    assert found(store, search) == places


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[StorageBackend, int]]]:
    with every_store(tmp_path_factory.mktemp("stores")) as opened:
        yield opened


LETTERS = "aAbB eEéÉßẞİıΣςσжЖ日本กา１½ǆﬁ'’-_.,:*&|!()\"0123\u0301\u0345\u200d🙂ـ"
texts = st.text(
    st.sampled_from(LETTERS) | st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.lists(texts, max_size=6).map(" ".join), min_size=1, max_size=12), st.data())
def test_every_store_finds_what_a_plain_comparison_of_words_finds(
    stores: list[tuple[StorageBackend, int]], said_texts: list[str], data: st.DataObject
) -> None:
    clip = Clip(f"/clips/talk{next(NUMBERS)}.mp4", f"{next(NUMBERS):x}")
    words = [words_of(text) for text in said_texts]
    known = sorted({word for each in words for word in each}) or ["a"]
    phrase = st.builds(
        Phrase, st.lists(st.sampled_from(known), min_size=1, max_size=3).map(tuple), st.booleans()
    )
    taken = st.sampled_from([each for each in words if each] or [("a",)]).flatmap(
        lambda each: st.integers(0, len(each) - 1).map(lambda at: Phrase(each[at : at + 3]))
    )
    searches = data.draw(
        st.lists(st.lists(phrase | taken, min_size=1, max_size=2), min_size=1, max_size=8), label="searches"
    )
    for store, epoch in stores:
        keep(store, clip, [utterance(clip, text, at) for at, text in enumerate(said_texts)], epoch)
    for phrases in searches:
        search = WordSearch(tuple(phrases))
        expected = [float(at) for at, each in enumerate(words) if search.matches(each)]
        for store, _ in stores:
            rows = store.utterances(search, [clip.video_id])
            assert [row.timestamp_seconds for row in rows] == expected, (store.url, str(search))


def test_the_times_are_those_of_the_words_and_of_the_utterance_where_words_were_not_timed(
    store: StorageBackend,
) -> None:
    rows = [
        utterance(CLIP, "Take 2 apples, then two apples.", 0, 3.0),
        *(
            spoken(CLIP, word, start, start + 0.25)
            for word, start in [
                ("Take", 0.0),
                ("apples,", 1.0),
                ("then", 1.5),
                ("two", 2.0),
                ("apples.", 2.25),
            ]
        ),
    ]
    keep(store, CLIP, rows)
    times = [(match.start_s, match.end_s) for match in said(store, "apples")]
    assert times == [(1.0, 1.25), (2.25, 2.5)]
    assert [(match.start_s, match.end_s) for match in said(store, '"two apples"')] == [(2.0, 2.5)]
    assert [(match.start_s, match.end_s) for match in said(store, '"2 apples"')] == [(0.0, 3.0)]
    (both,) = said(store, "take then")
    assert (both.start_s, both.end_s) == (0.0, 1.75)
    assert both.why == "speaker_0001 says: [take 2 apples then] two apples"
    assert both.annotation_ids == (rows[0].annotation_id,)


def test_only_current_results_are_answered(store: StorageBackend) -> None:
    keep(store, CLIP, [utterance(CLIP, "old words", 0)])
    newer = CLIP.key(AUDIO, "c2")
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [CLIP.job(newer)])
    row = replace(
        utterance(CLIP, "new words", 1),
        config_hash="c2",
        annotation_id=annotation_id(CLIP.video_id, AUDIO, "c2", SPEECH, 1, 0),
    )
    store.finish(epoch, done(CLIP.job(newer), newer, [row], keep_runs=True))
    assert [match.start_s for match in said(store, "words")] in ([1.0], [0.0])
    assert len(store.utterances(WordSearch.parse("words"))) == 2
    for videos in (None, [CLIP.video_id], ["another"]):
        jobs = store.jobs_of(videos) if videos else store.jobs()
        wanted = {
            WorkKey(job.video_id, result.pipeline, result.config_hash): job.location
            for job, result in complete_results(jobs).values()
        }
        assert store.current_keys(AUDIO, videos) == wanted
    assert store.current_keys(SCENE) == {}


def test_what_is_replaced_or_forgotten_is_not_found_again(store: StorageBackend) -> None:
    epoch = store.open_run(RUN)
    keep(store, CLIP, [utterance(CLIP, "the first secret", 0)], epoch)
    store.close_run(epoch, "completed")
    assert found(store, "secret") == [0]
    store.save_annotations(CLIP.job(KEY).job_id, AUDIO, [utterance(CLIP, "a second one", 4).to_data()])
    assert (found(store, "secret"), found(store, "second")) == ([], [4])
    store.forget_video(CLIP.video_id)
    assert found(store, "second") == []


def test_no_word_of_what_is_forgotten_is_left_in_an_sqlite_file(tmp_path: Path) -> None:
    path, other = tmp_path / "store.db", Clip("/clips/other.mp4", "b")
    with closing(open_store(f"sqlite:///{path}")) as store:
        epoch = store.open_run(RUN)
        keep(store, CLIP, [utterance(CLIP, "xylophonically confided", 0)], epoch)
        keep(store, other, [utterance(other, "ordinary talk", 0)], epoch)
        store.close_run(epoch, "completed")
        store.forget_video(CLIP.video_id)
        assert found(store, "ordinary") == [0]
    assert not [file for file in tmp_path.iterdir() if b"xylophon" in file.read_bytes()]


def test_the_index_of_a_vacuumed_file_is_in_step(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        keep(store, CLIP, [utterance(CLIP, text, at) for at, text in enumerate(TEXTS)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM annotations WHERE timestamp_seconds = 0.0")
        connection.commit()
        connection.execute("VACUUM")
    with closing(open_store(f"sqlite:///{path}")) as store:
        assert found(store, "good") == [1, 2]
