"""The command line `roa`: where a shell comes in, and how it leaves whatever happens."""

import sys

INTERRUPTED = 130  # what shells make of Ctrl-C


def main() -> None:
    """Run a command; Ctrl-C ends it with exit code 130 and no words, from the first moment on."""
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run() -> None:
    """Run a command; a mistake of ours ends with exit code 70, without a learner's data in the words."""
    # Loading takes a while, and whoever changes their mind then is not shown where we were.
    from api.cli.commands import app

    try:
        app()
    except Exception as error:  # noqa: BLE001 - the last stop before the shell
        import traceback

        from api.cli.console import INTERNAL, err

        err.print(f"roa: something went wrong inside: {type(error).__name__}", markup=False)
        for frame in traceback.extract_tb(error.__traceback__)[-3:]:
            err.print(f"  {frame.name} in {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}", markup=False)
        sys.exit(INTERNAL)
