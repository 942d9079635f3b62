"""Each file counts once, whatever it is called and whatever its hash is."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from vaengine.requests.inputs.distinct_files import Found, Hashes, LeftAlone

FILES = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 6)), max_size=20)


class Alike(str):
    """A real path whose hash is that of many others."""

    def __hash__(self) -> int:
        return len(self) % 2


@given(FILES)
def test_the_first_path_of_each_file_stays_also_where_hashes_are_equal(files: list[tuple[int, int]]) -> None:
    paths = [f"{number}/{place}/{file}" for place, (number, file) in enumerate(files)]
    real = {path: Alike("/real/" + "x" * int(path.rpartition("/")[2])) for path in paths}
    hashes, first = Hashes(), dict[str, str]()
    for path in paths:
        first.setdefault(str(real[path]), path)
    found = list(hashes.added([Found(paths, [real[path] for path in paths])]))
    assert found == paths
    assert list(hashes.first_of_each(found, lambda path: str(real[path]))) == list(first.values())


@given(FILES, FILES)
def test_other_files_are_counted_by_extension_once_and_not_if_they_are_used(
    used: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    def named(file: int) -> str:
        return f"/v/{file}{('.wav', '.TXT', '')[file % 3]}"

    hashes, left_alone = Hashes(), LeftAlone()
    for _, file in used:
        hashes.add(named(file))
    for _, file in others:
        left_alone.add(named(file))
    left = {file for _, file in others} - {file for _, file in used}
    counts = left_alone.by_suffix(hashes)
    assert counts == Counter((".wav", ".txt", "")[file % 3] for file in left)
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
