"""The commands as `vaengine --help` lists them: by what they are for, each on one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from typer.core import TyperGroup

SECTIONS: Final = {
    "Annotate": ("run", "resume", "cluster"),
    "Look": ("status", "errors", "render", "plot", "logs"),
    "Steer": ("pause", "retry", "cancel", "quarantine"),
    "Store": ("identities", "migrate", "db"),
    "Settings": ("models", "config", "doctor"),
}
WHOLE: Final = 200  # letters of a command's help, so that none is cut


class CommandSections(TyperGroup):
    """A group whose help has its commands under headings."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections; a command of none comes last."""
        width = max(map(len, self.list_commands(ctx)), default=0)
        for title, names in self._sections(ctx):
            rows = [
                (name.ljust(width), command.get_short_help_str(WHOLE))
                for name in names
                if (command := self.get_command(ctx, name))
            ]
            with formatter.section(title):
                formatter.write_dl(rows)

    def _sections(self, ctx: Any) -> Iterator[tuple[str, list[str]]]:
        there = self.list_commands(ctx)
        named = [name for names in SECTIONS.values() for name in names]
        sections = {**SECTIONS, "Other": tuple(name for name in there if name not in named)}
        for title, names in sections.items():
            if shown := [name for name in names if name in there]:
                yield title, shown
