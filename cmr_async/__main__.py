"""`python -m cmr_async` is the `cmr` command."""

from .cli.main import run

if __name__ == "__main__":
    run()
