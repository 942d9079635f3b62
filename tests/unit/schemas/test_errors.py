"""Errors travel between processes and are read by people."""

import pickle

import pytest

from schemas import errors
from schemas.errors import UsageError, VaengineError
from tests.support.suite.errors import every_error


def built(kind: type[VaengineError]) -> VaengineError:
    return kind("a name", "a reason", 3)


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_with_its_values_and_its_words(kind: type[VaengineError]) -> None:
    error = built(kind)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert back.args == error.args
    assert str(back) == str(error)


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_an_error_is_one_line_that_names_what_it_is_about(kind: type[VaengineError]) -> None:
    words = str(kind("clips\nof summer.mp4", "no\nroom", 3))
    assert "\n" not in words
    assert "clips of summer.mp4" in words or "clips\\nof summer.mp4" in words


def test_every_fault_that_is_no_wrong_use_has_a_kind_of_its_own_or_is_a_case_of_another() -> None:
    kinds = [kind.kind for kind in every_error() if not issubclass(kind, UsageError) and "kind" in vars(kind)]
    assert len(kinds) == len(set(kinds))


def test_wrong_use_is_never_worth_a_second_try() -> None:
    assert not any(kind.transient for kind in every_error(UsageError))


def test_the_package_exports_the_whole_tree_and_nothing_else() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    assert len(classes) == len(set(classes))
    assert set(classes) == {kind for kind in every_error() if kind.__module__.startswith(errors.__name__)}
