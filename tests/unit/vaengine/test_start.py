"""The command before it is loaded."""

from __future__ import annotations

import importlib.abc
import sys

import pytest

from vaengine.__main__ import main


class Interrupting(importlib.abc.MetaPathFinder):
    """As if somebody pressed Ctrl-C while the command is looked for."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "vaengine.cli.app":
            raise KeyboardInterrupt


def test_ctrl_c_while_the_command_is_loaded_ends_it_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "vaengine.cli.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "stopped, before anything was begun\n")
