"""The sections of `vaengine --help`: its commands under headings, each on one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from typer.core import TyperGroup

SECTIONS: Final = {
    "Annotate": ("run", "resume", "work", "cluster"),
    "Ask": ("query", "facets", "similar"),
    "Look": ("status", "errors", "render", "plot", "logs", "serve"),
    "Exchange": ("export", "import", "compare"),
    "Train": ("dataset", "train"),
    "Steer": ("pause", "retry", "cancel", "quarantine"),
    "Store": ("identities", "person", "migrate", "db"),
    "Settings": ("models", "config", "doctor"),
}
MAX_HELP_LENGTH: Final = 200  # characters, more than any command's short help has


class CommandSections(TyperGroup):
    """A group of commands whose help has them under headings."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections; commands without a section come last, under "Other"."""
        width = max(map(len, self.list_commands(ctx)), default=0)
        for title, names in self._sections(ctx):
            rows = [
                (name.ljust(width), command.get_short_help_str(MAX_HELP_LENGTH))
                for name in names
                if (command := self.get_command(ctx, name))
            ]
            with formatter.section(title):
                formatter.write_dl(rows)

    def _sections(self, ctx: Any) -> Iterator[tuple[str, list[str]]]:
        existing = self.list_commands(ctx)
        listed = [name for names in SECTIONS.values() for name in names]
        sections = {**SECTIONS, "Other": tuple(name for name in existing if name not in listed)}
        for title, names in sections.items():
            if existing_names := [name for name in names if name in existing]:
                yield title, existing_names
