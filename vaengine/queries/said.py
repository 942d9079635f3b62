"""Finds what is said: words and phrases of speech, with the times of the words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from schemas.annotations.annotation import Annotation
from schemas.annotations.words import WordSearch, words_of
from schemas.pipelines import AUDIO
from schemas.storage.backend import ResultStore
from vaengine.queries.match import Match

NEARBY_WORDS: Final = 6  # that are shown on either side of those that were found

Seconds = tuple[float, float]


def said(store: ResultStore, search: str, video_ids: Sequence[str] | None = None) -> list[Match]:
    """Where words are said, in these videos or in all: by video and time, in current results.

    A search is as in `schemas.annotations.words.WordSearch.parse`. A phrase is found wherever it is said;
    several phrases are found in one utterance, as the stretch that they share. A match has the times of its
    words where the words were timed, else those of the utterance. Raises `UsageError` for a search without
    words.
    """
    phrases = WordSearch.parse(search)
    found = store.utterances(phrases, video_ids)
    paths = store.current_keys(AUDIO, list(dict.fromkeys(row.video_id for row in found)))
    current = {(key.video_id, key.config_hash): path for key, path in paths.items()}
    speech = [row for row in found if (row.video_id, row.config_hash) in current]
    near = _by_utterance(speech, store.words_near(speech))
    matches = (
        match
        for row in speech
        for match in matches_in(row, near(row), phrases, current[row.video_id, row.config_hash])
    )
    return sorted(
        matches, key=lambda match: (match.video_id, match.start_s, match.end_s, match.annotation_ids)
    )


def matches_in(
    speech: Annotation, words: Sequence[Annotation], search: WordSearch, path: str
) -> Iterator[Match]:
    """The matches of a search in one row of speech; `words` are the rows of its single words."""
    text = str(speech.attributes.get("text", ""))
    spoken = words_of(text)
    times = word_times(spoken, words)
    for first, stop in _places(search, spoken):
        start_s, end_s = _extent(times[first:stop], speech)
        yield Match(
            speech.video_id,
            path,
            max(0.0, start_s),
            max(0.0, end_s),
            _quoted(spoken, first, stop, speech.speaker_id),
            annotation_ids=(speech.annotation_id,),
        )


def word_times(spoken: Sequence[str], words: Sequence[Annotation]) -> list[Seconds | None]:
    """The time of each word of an utterance; None where it was not timed.

    Rows of words may lack some, such as numbers, and may have been split otherwise.
    """
    timed = [
        (word, (row.timestamp_seconds, row.end_seconds))
        for row in words
        for word in words_of(str(row.attributes.get("word", "")))
        if row.timestamp_seconds is not None and row.end_seconds is not None
    ]
    if [word for word, _ in timed] == list(spoken):  # as it nearly always is
        return [seconds for _, seconds in timed]
    times: list[Seconds | None] = [None] * len(spoken)
    blocks = SequenceMatcher(None, spoken, [word for word, _ in timed], autojunk=False).get_matching_blocks()
    for at, timed_at, size in blocks:
        times[at : at + size] = [seconds for _, seconds in timed[timed_at : timed_at + size]]
    return times


def _places(search: WordSearch, spoken: Sequence[str]) -> Iterable[tuple[int, int]]:
    """Every place of a single phrase; of several phrases the stretch from the first to the last of them."""
    if len(search.phrases) == 1:
        return search.phrases[0].places(spoken)
    firsts = [next(phrase.places(spoken)) for phrase in search.phrases]
    return [(min(first for first, _ in firsts), max(stop for _, stop in firsts))]


def _extent(times: Sequence[Seconds | None], speech: Annotation) -> Seconds:
    known = [seconds for seconds in times if seconds is not None]
    if known and times[0] is not None and times[-1] is not None:
        return min(start for start, _ in known), max(end for _, end in known)
    start_s = speech.timestamp_seconds or 0.0
    return start_s, max(start_s, speech.end_seconds or 0.0)


def _quoted(spoken: Sequence[str], first: int, stop: int, speaker: str | None) -> str:
    before, after = max(0, first - NEARBY_WORDS), min(len(spoken), stop + NEARBY_WORDS)
    shown = " ".join(
        [
            *["…"][: before > 0],
            *spoken[before:first],
            f"[{' '.join(spoken[first:stop])}]",
            *spoken[stop:after],
        ]
    )
    return f"{speaker or 'somebody'} says: {shown}{' …' if after < len(spoken) else ''}"


def _by_utterance(
    speech: Sequence[Annotation], words: Iterable[Annotation]
) -> Callable[[Annotation], Sequence[Annotation]]:
    """A function that returns the rows of words of a row of speech."""
    of_result: dict[tuple[str, str], list[Annotation]] = {}
    for word in words:
        of_result.setdefault((word.video_id, word.config_hash), []).append(word)
    return lambda row: [
        word
        for word in of_result.get((row.video_id, row.config_hash), ())
        if (row.timestamp_seconds or 0.0) <= (word.timestamp_seconds or 0.0) < (row.end_seconds or 0.0)
    ]
