#!/usr/bin/env -S uv run
# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2025.11.12"]
# ///
"""Every check and the demo, each by one command: `uv run noxfile.py -s NAME`, or `nox -s NAME`."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
from pathlib import Path

import nox

HERE = Path(__file__).parent.resolve()
PYPROJECT = nox.project.load_toml(HERE / "pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
EVERYTHING = ".[" + ",".join(PYPROJECT["project"]["optional-dependencies"]) + "]"
TEST_GROUP = nox.project.dependency_groups(PYPROJECT, "test")

#: What sessions run on that name no interpreter.
OWN_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

#: The main job, as the README shows it. Its second half: from a spreadsheet to active mailboxes, with webhooks.
DEMO = (
    "cmr orders submit examples/orders.csv --simulator --confirm --yes",
    "cmr orders submit examples/order.json --simulator --user-id BVZGM5TE9BMP3PP0VWGW943RGV1B",
)
#: What the tests need beside the package itself.
TESTED = ("tests", "tools", "examples", "docs", "benchmarks", "README.md", "SECURITY.md", "pyproject.toml")

#: Two workers, since many tests mostly wait for processes; a test that hangs fails, so that its name is known.
PYTEST = ("pytest", "-q", "--tb=short", "-n", "2", "--dist", "worksteal", "--timeout", "150")

nox.needs_version = ">=2025.11.12"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests", "world", "demo", "lint", "types", "lowest", "docs", "wheel", "coverage"]


def show_pyenv_interpreters() -> None:
    """Let pyenv's shims start every interpreter that is installed, not only the one that is switched on."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [entry for entry in root.glob("versions/3.*") if re.fullmatch(r"3\.\d+\.\d+", entry.name)]
    newest_first = sorted(found, key=lambda entry: tuple(map(int, entry.name.split("."))), reverse=True)
    if not newest_first:
        return
    chosen = [name for name in os.environ.get("PYENV_VERSION", "").split(":") if name]
    names = dict.fromkeys([*chosen, *(entry.name for entry in newest_first)])
    os.environ["PYENV_VERSION"] = ":".join(names)
    # Where pyenv is installed without its shims, the interpreters are reached through the search path
    bins = [str(entry / "bin") for entry in newest_first]
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), *bins])


show_pyenv_interpreters()


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Pass the tests on every interpreter that is present, or with `CMR_COVERED` on all but the one of `coverage`."""
    if session.python == OWN_PYTHON and "CMR_COVERED" in os.environ:
        session.skip("the session coverage runs the same tests on this interpreter")
    session.install("-e", EVERYTHING, *TEST_GROUP)
    session.run(*PYTEST, *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure all tests, the processes that they start included, by line and branch, and hold the bounds."""
    session.install("-e", EVERYTHING, *TEST_GROUP, *nox.project.dependency_groups(PYPROJECT, "coverage"))
    measured = Path(session.create_tmp()).resolve()
    report = str(measured / "coverage.json")
    session.env["COVERAGE_FILE"] = str(measured / "data")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", *PYTEST, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    for broken in measured.glob("data.*"):
        broken.unlink()  # of a process that was killed while it wrote
    session.run("coverage", "json", "--quiet", "-o", report)
    session.run("coverage", "report", "--show-missing", "--skip-covered")
    session.run("python", "tools/check_coverage.py", report)


@nox.session
def killstorm(session: nox.Session) -> None:
    """Kill runs of 2,000 orders 300 times, stop others, cut deliveries short, search deeper; `-- SEED` makes others."""
    session.install("-e", EVERYTHING, *TEST_GROUP)
    storm = {
        "CMR_KILL_ORDERS": "2000",
        "CMR_KILL_KILLS": "300",
        "CMR_KILL_STOPS": "300",
        "CMR_KILL_SCHEDULES": "10000",
        "CMR_KILL_SEED": (*session.posargs, "7")[0],
    }
    session.run("pytest", "tests/bulk/test_kill.py", "-s", env=storm)
    session.run("pytest", "tests/webhooks/test_schedules.py", "-s", env=storm)
    session.run("pytest", "tests/money/test_kills.py", "-s", env={"CMR_KILLS": "20"})
    session.run("pytest", "tests/journal/test_rules.py", env={"CMR_JOURNAL_EXAMPLES": "2000"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Give every reader made-up input, 100,000 examples, as many of webhooks, and 3,000 of each property; `-- SEED`."""
    session.install("-e", EVERYTHING, *TEST_GROUP)
    seed = session.posargs[0] if session.posargs else str(secrets.randbelow(2**31))
    session.run("pytest", "tests/fuzz", "-s", f"--hypothesis-seed={seed}", env={"CMR_FUZZ_EXAMPLES": "100000"})
    others = ("-m", "hypothesis", "--ignore=tests/fuzz", "--ignore=tests/journal/test_rules.py")
    session.run("pytest", *others, "--hypothesis-profile=long", f"--hypothesis-seed={seed}")
    session.install("atheris", success_codes=[0, 1, 2])  # it has no files for some systems and interpreters
    session.run("python", "-m", "tests.fuzz.guided", "1000", seed)


@nox.session
def world(session: nox.Session) -> None:
    """Run every death of a process, power cuts and planted faults; `-- --seconds N --seed N` goes on for longer."""
    session.install("-e", EVERYTHING, *TEST_GROUP)
    session.run("python", "-m", "tests.world", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the main job on the embedded simulator: no key, no account, no money."""
    session.install(".[cli]")
    # The environment of the session ends with it; the command in it stays
    program = os.path.relpath(Path(session.bin) / "cmr")
    for command in DEMO:
        session.run(*command.split(), env={"CMR_PROGRAM": program})
    with session.chdir(session.create_tmp()):
        for written in Path().glob("mailboxes.csv*"):
            written.unlink()  # by an earlier demo, whose simulator is gone
        session.run("python", str(HERE / "examples" / "spreadsheet_to_mailboxes.py"))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, the arrows of the architecture, and the workflows for known weaknesses."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache")
    session.run("zizmor", "--offline", "--quiet", ".github")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of package and tests, and that every public name has one."""
    session.install("-e", EVERYTHING, *nox.project.dependency_groups(PYPROJECT, "types"))
    session.run("mypy")
    session.run("basedpyright", "--verifytypes", "cmr_async", "--ignoreexternal")
    session.run("basedpyright", "--level", "error", "tests/typing")


@nox.session(venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Pass the quick tests on the oldest dependencies that `pyproject.toml` allows; only uv can choose them."""
    session.install("--resolution", "lowest-direct", "-e", EVERYTHING, *TEST_GROUP)
    session.run(*PYTEST, "-m", "not slow", *session.posargs, env={"CMR_LOWEST": "1"})


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error. Its examples are run by the tests."""
    session.install("-e", ".[journal]", *nox.project.dependency_groups(PYPROJECT, "docs"))
    session.run("sphinx-build", "-W", "--keep-going", "-n", "-b", "html", "docs", "docs/_build/html")


@nox.session
def build(session: nox.Session) -> None:
    """Build the sdist, and from it the wheel."""
    session.install("build")
    dist = session.cache_dir / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist))


@nox.session(reuse_venv=False, requires=["build"])
def wheel(session: nox.Session) -> None:
    """Install the built wheel alone and pass the quick tests against it, away from the checkout."""
    (built,) = (session.cache_dir / "dist").glob("*.whl")
    session.install(f"cmr-async{EVERYTHING[1:]} @ {built.resolve().as_uri()}", *TEST_GROUP)
    away = Path(session.create_tmp()).resolve()
    shutil.rmtree(away)
    away.mkdir()
    for name in TESTED:
        source = HERE / name
        if source.is_dir():
            shutil.copytree(source, away / name, ignore=shutil.ignore_patterns("_build", "__pycache__"))
        elif source.exists():
            shutil.copy(source, away / name)
    session.chdir(away)
    session.run("python", "-c", "import cmr_async, sys; assert cmr_async.__file__.startswith(sys.prefix)")
    session.run(*PYTEST, "-m", "not slow", *session.posargs)


if __name__ == "__main__":
    nox.main()
