"""What a user gets who installs the distribution."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pytest

import cmr_async
from cmr_async.cli.pages import PAGES

HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


@pytest.fixture(scope="module")
def package() -> set[str]:
    """Every file of the package in the checkout, whatever its kind."""
    found = (path for path in (HERE / "cmr_async").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    files = {path.relative_to(HERE).as_posix() for path in found}
    if not files:
        pytest.skip("the tests run away from the checkout, against an installed wheel")
    return files


@pytest.fixture(scope="module")
def built(package: set[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel; `package` says whether there is anything to build."""
    assert package
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=HERE, check=True)
    return folder


def test_the_wheel_holds_the_package_and_its_pages_and_nothing_else(package: set[str], built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    pages = {f"cmr_async/docs/{page}.md" for page in PAGES}
    assert {name for name in names if ".dist-info/" not in name} == package | pages
    assert "cmr_async/py.typed" in package


def test_the_sdist_holds_the_package_its_tests_and_its_pages(package: set[str], built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    pages = {"CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "docs/index.md", "examples/orders.csv"}
    assert names >= package | pages | {"noxfile.py", "pyproject.toml", "tests/test_packaging.py"}


def test_the_package_says_that_it_is_typed() -> None:
    assert resources.files(cmr_async).joinpath("py.typed").is_file()


def test_the_version_is_the_one_of_the_distribution() -> None:
    assert metadata.version("cmr-async") == cmr_async.__version__


def test_every_public_name_exists_and_the_list_is_sorted() -> None:
    assert [name for name in cmr_async.__all__ if not hasattr(cmr_async, name)] == []
    assert sorted(cmr_async.__all__) == cmr_async.__all__


def test_the_command_is_declared() -> None:
    (command,) = metadata.entry_points(group="console_scripts", name="cmr")
    assert command.value == "cmr_async.cli.main:run"


def test_dependencies_have_a_floor_and_no_cap(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"].values()
    requirements = [*project["dependencies"], *(one for extra in extras for one in extra)]
    others = [one for one in requirements if not one.startswith("cmr-async[")]
    assert [one for one in others if one.count(">=") != 1 or "<" in one or "==" in one or "~=" in one] == []


def test_importing_the_package_pulls_in_no_extra() -> None:
    code = "import cmr_async, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"openpyxl", "psycopg", "rich", "sqlalchemy", "typer"}
    assert heavy.intersection(loaded) == set()
