"""The file: who may read it, what is taken for a journal, and how its schema moves on."""

from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import Journal, Owner, schema
from tests.journal.conftest import NOW, RUN, TARGET, started

VERSION_1 = Path(__file__).parent / "version1.sql"
"""A journal as the first schema left it, with a run that its controller did not finish."""


def write(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    write(path, VERSION_1.read_text())
    return path


def test_folder_and_files_are_for_their_owner_alone(path: Path, journal: Journal) -> None:
    journal.create_run(started(), Owner.here())
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db-shm"), 0o600)


def test_commits_are_durable(journal: Journal) -> None:
    def pragmas(connection: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert journal._writer.submit(pragmas).result() == ["wal", 2, 1]


def test_a_journal_of_version_1_is_read_and_carried_on(old: Path) -> None:
    with Journal.open(old) as journal:
        assert [row.run for row in journal.runs()] == [RUN]
        kinds = [type(recorded.event).__name__ for recorded in journal.events(RUN)]
        assert kinds == ["RunStarted", "ControllerStarted", "ActionBegun", "ActionEnded"]
        assert [entry.package for entry in journal.denied()] == ["gateway"]
        journal.take(RUN, Owner.here())


def test_version_1_is_what_the_first_migration_makes(old: Path, path: Path) -> None:
    def tables(file: Path) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(file)) as connection:
            rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name")
            return [(name, " ".join((sql or "").split())) for name, sql in rows]

    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        for statement in schema.MIGRATIONS[0]:
            connection.execute(statement)
    assert tables(path) == tables(old)


def test_migrations_are_done_in_order_and_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = (
        *schema.MIGRATIONS[:1],
        ("ALTER TABLE runs ADD COLUMN note TEXT", "UPDATE runs SET note = 'old'"),
        ("UPDATE runs SET note = note || '!'",),
    )
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    for _ in range(2):
        with Journal.open(old) as journal:
            assert journal._read(lambda c: c.execute("SELECT note FROM runs").fetchall()) == [
                ("old!",)
            ]


def test_a_migration_that_fails_leaves_the_version_before_it(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (*schema.MIGRATIONS[:1], ("ALTER TABLE runs ADD COLUMN note TEXT", "nonsense"))
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(JournalError, match="cannot open it"):
        Journal.open(old)
    monkeypatch.undo()
    with Journal.open(old) as journal:
        columns = journal._read(lambda c: c.execute("PRAGMA table_info(runs)").fetchall())
        assert "note" not in [column[1] for column in columns]


def test_a_journal_of_a_newer_fleet_is_refused(old: Path) -> None:
    write(old, "PRAGMA user_version = 9")
    with pytest.raises(JournalError, match=r"schema is version 9; .* up to 1\n.*or a newer one"):
        Journal.open(old)


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    write(path, "CREATE TABLE notes (note TEXT)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="another program's database"):
        Journal.open(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look like something\n" * 20)
    with pytest.raises(JournalError, match="it is not a journal"):
        Journal.open(path)


def test_a_place_that_cannot_hold_a_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"file/journal\.db: cannot open it: .*\n  hint: "):
        Journal.open(tmp_path / "file" / "journal.db")
    with pytest.raises(JournalError, match="it cannot be opened"):
        Journal.open(tmp_path)


def test_many_may_create_the_same_journal_at_once(path: Path) -> None:
    together = Barrier(8)

    def create(number: int) -> None:
        together.wait(10)
        with Journal.open(path) as journal:
            journal.create_run(started(f"run-{number}", NOW + number), Owner.here())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, range(8)))
    with Journal.open(path) as journal:
        assert [row.run for row in journal.runs()] == [f"run-{n}" for n in range(7, -1, -1)]
        assert not journal.denied([TARGET.manifest])
