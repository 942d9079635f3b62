"""The best SQL that was found for each question, for SQLite, PostgreSQL and DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

Statement: TypeAlias = Callable[[str], tuple[str, dict[str, Any]]]  # SQL and its values, by dialect

WITHIN_S: Final = 5 + 2**-11  # as far as times count as equal
_NAMES: Final = {
    "sqlite": {"least": "min", "greatest": "max"},
    "postgresql": {"least": "least", "greatest": "greatest"},
    "duckdb": {"least": "least", "greatest": "greatest"},
}
_SCORE: Final = (
    "{least}(coalesce(p.confidence, 1.0), coalesce(s.confidence, 1.0)) / "
    "(1.0 + {greatest}(0.0, s.timestamp_seconds - p.end_seconds, p.timestamp_seconds - s.end_seconds))"
)
_PAIR: Final = (
    "FROM annotations p JOIN annotations s ON s.video_id = p.video_id AND s.annotation_type = 'audio_event' "
    "AND s.label = 'laughter' AND s.timestamp_seconds <= p.end_seconds + :within "
    "AND s.end_seconds >= p.timestamp_seconds - :within WHERE p.annotation_type = 'person_track' "
)
_START, _END = "{least}(p.timestamp_seconds, s.timestamp_seconds)", "{greatest}(p.end_seconds, s.end_seconds)"
# Why a row of a page was found stands in its data, which DuckDB is spared.
_WITH_DATA: Final = {
    1: " JOIN annotations a ON a.annotation_id = page.first_id",
    2: " JOIN annotations a ON a.annotation_id = page.first_id"
    " JOIN annotations b ON b.annotation_id = page.second_id",
}


def _statement(sql: str, **values: Any) -> Statement:
    return lambda dialect: (sql.format(**_NAMES[dialect]), values)


def _page(sql: str, rows: int, **values: Any) -> Statement:
    """A page, with paths, and the data of so many rows each."""

    def statement(dialect: str) -> tuple[str, dict[str, Any]]:
        shown = "".join(f", {name}.data" for name in "ab"[:rows])
        shown, joined = ("", "") if dialect == "duckdb" else (shown, _WITH_DATA[rows])
        page = sql.format(**_NAMES[dialect])
        return (
            f"WITH page AS ({page}) SELECT page.video_id, page.start_s, page.end_s, v.path{shown} "
            f"FROM page JOIN videos v ON v.video_id = page.video_id{joined}",
            values,
        )

    return statement


NEAR: Final = _statement(
    f"WITH page AS (SELECT p.video_id, min({_START}) AS start_s, max({_END}) AS end_s, "
    f"max({_SCORE}) AS score, count(*) AS moments {_PAIR} AND p.person_id = 'person_0003' "
    "GROUP BY p.video_id ORDER BY score DESC, p.video_id LIMIT 100) "
    "SELECT page.video_id, page.start_s, page.end_s, v.path FROM page JOIN videos v "
    "ON v.video_id = page.video_id",
    within=WITHIN_S,
)
PAIRS: Final = _page(
    f"SELECT {_SCORE} AS score, p.video_id, {_START} AS start_s, {_END} AS end_s, "
    f"p.annotation_id AS first_id, s.annotation_id AS second_id {_PAIR} "
    "AND p.end_seconds - p.timestamp_seconds >= 0.5 "
    "ORDER BY score DESC, p.video_id, start_s, first_id, second_id LIMIT 100",
    2,
    within=WITHIN_S,
)
QUADRANT: Final = _page(
    "SELECT f.confidence AS score, f.video_id, f.timestamp_seconds AS start_s, f.timestamp_seconds AS end_s, "
    "f.annotation_id AS first_id FROM annotations f JOIN videos v ON v.video_id = f.video_id "
    "WHERE f.annotation_type = 'face_detection' AND f.bbox_x + f.bbox_width / 2 < 0.5 * v.width "
    "AND f.bbox_y + f.bbox_height / 2 < 0.5 * v.height "
    "ORDER BY score DESC, f.video_id, start_s, first_id LIMIT 100",
    1,
)
_SOUNDS: Final = " UNION ALL ".join(
    "SELECT {greatest}(a.timestamp_seconds, c.start_s) AS since, {least}(a.end_seconds, c.end_s) AS until "
    f"FROM annotations a WHERE a.annotation_type = '{kind}' AND a.video_id = c.video_id "
    "AND a.timestamp_seconds < c.end_s AND a.end_seconds > c.start_s"
    for kind in ("speech", "voice_activity", "audio_event")
)
SCENES: Final = _page(
    "SELECT c.score, c.video_id, c.start_s, c.end_s, c.first_id FROM ("
    "SELECT coalesce(s.confidence, 1.0) AS score, s.video_id, s.timestamp_seconds AS start_s, "
    "s.end_seconds AS end_s, s.annotation_id AS first_id, "
    "(SELECT count(DISTINCT p.person_id) FROM annotations p WHERE p.annotation_type = 'person_track' "
    "AND p.video_id = s.video_id AND p.timestamp_seconds < s.end_seconds "
    "AND p.end_seconds > s.timestamp_seconds AND p.end_seconds - p.timestamp_seconds >= 0.5 "
    "AND {least}(p.end_seconds, s.end_seconds) - {greatest}(p.timestamp_seconds, s.timestamp_seconds) >= 0.5"
    ") AS persons FROM annotations s WHERE s.annotation_type = 'scene') c WHERE c.persons > 3 AND ("
    "SELECT sum({greatest}(o.until - {greatest}(o.since, coalesce(o.earlier, o.since)), 0.0)) FROM ("
    "SELECT since, until, max(until) OVER (ORDER BY since, until "
    f"ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier FROM ({_SOUNDS}) heard"
    ") o) / (c.end_s - c.start_s) > 0.5 "
    "ORDER BY c.score DESC, c.video_id, c.start_s, c.first_id LIMIT 100",
    1,
)


def said_by_hand(words: str, phrase: str = "") -> Statement:
    """Utterances with the rows of their words; `words` in the index's own language, then the phrase."""

    def statement(dialect: str) -> tuple[str, dict[str, Any]]:
        if dialect == "duckdb":  # it has no index of words here
            return (
                "SELECT annotation_id, timestamp_seconds, end_seconds FROM annotations "
                "WHERE contains(words, :phrase)",
                {"phrase": phrase or f" {words} "},
            )
        found, values = (_in_tsvector if dialect == "postgresql" else _in_fts5)(words, phrase)
        joined = "string_agg(w.data::text, '')" if dialect == "postgresql" else "group_concat(w.data, '')"
        return (
            f"WITH found AS ({found}) SELECT found.annotation_id, {joined} FROM found "
            "JOIN annotations w ON w.video_id = found.video_id AND w.annotation_type = 'word' "
            "AND w.timestamp_seconds >= found.timestamp_seconds AND w.timestamp_seconds < found.end_seconds "
            "GROUP BY found.annotation_id",
            values,
        )

    return statement


def _in_tsvector(words: str, phrase: str) -> tuple[str, dict[str, Any]]:
    return (
        "SELECT annotation_id, video_id, timestamp_seconds, end_seconds FROM annotations "
        "WHERE words IS NOT NULL AND array_to_tsvector(string_to_array(btrim(words), ' ')) "
        "@@ CAST(:words AS tsquery) AND strpos(words, :phrase) > 0",
        {"words": " & ".join(words.split()), "phrase": phrase},
    )


def _in_fts5(words: str, phrase: str) -> tuple[str, dict[str, Any]]:
    return (
        "SELECT a.annotation_id, a.video_id, a.timestamp_seconds, a.end_seconds FROM speech_index "
        "JOIN speech_numbers ON number = speech_index.rowid JOIN annotations a USING (annotation_id) "
        "WHERE speech_index MATCH :words",
        {"words": f'"{phrase.strip()}"' if phrase else words},
    )
