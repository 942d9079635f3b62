"""Where a token is looked for, and that it shows nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.connection.token import PATH_VARIABLE, TOKEN_VARIABLE, Token, find_token


@pytest.mark.parametrize(
    ("environment", "file", "value", "origin"),
    [
        ({TOKEN_VARIABLE: " abc\n", PATH_VARIABLE: "named"}, "xyz", "abc", TOKEN_VARIABLE),
        ({PATH_VARIABLE: "named"}, "xyz\n", "xyz", "named"),
        ({TOKEN_VARIABLE: ""}, "xyz\n", "xyz", ".ray/auth_token"),
        ({}, " \n", None, None),
        ({}, None, None, None),
        ({PATH_VARIABLE: "missing"}, "xyz", None, None),
    ],
    ids=str,
)
def test_a_token_is_that_of_the_variable_else_of_the_named_file_else_of_rays_own(
    environment: dict[str, str], file: str | None, value: str | None, origin: str | None, tmp_path: Path
) -> None:
    named = environment.get(PATH_VARIABLE)
    path = tmp_path / "named" if named == "named" else tmp_path / ".ray" / "auth_token"
    if file is not None and named != "missing":
        path.parent.mkdir(exist_ok=True)
        path.write_text(file)
    if named:
        environment = {**environment, PATH_VARIABLE: str(tmp_path / named)}
    token = find_token(environment, tmp_path)
    assert (token.value if token else None) == value
    assert token is None or token.origin.endswith(str(origin))


def test_a_token_does_not_show_in_a_log() -> None:
    assert "secret" not in f"{Token('secret', TOKEN_VARIABLE)!r}{Token('secret', 'x')}"
