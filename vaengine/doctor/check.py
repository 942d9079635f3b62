"""The result of one check of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor; `cure` says what to do unless the state is ok."""

    name: str
    state: State
    found: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.state:<4}  {self.name:<12}  {self.found}" + (f"  ->  {self.cure}" if self.cure else "")
