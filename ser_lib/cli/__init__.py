"""The `ser` command: a thin face over the rooms below.

Exit code 0 only if all of it worked. A `SerError` is printed as its one or two sentences; `--debug`
shows the traceback.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ser_lib.cli.options import parser
from ser_lib.core.errors import SerError, extras
from ser_lib.core.files import room_for


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = parser().parse_args(arguments)
    # A terminal may lack a letter of a name.
    with suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with room_for("the results"), extras(), _insistent():
            code = options.command(options)
            sys.stdout.flush()
        return code
    except SerError as error:
        if options.debug:
            raise
        print(f"ser: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # `ser manifest ... | head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        denied = error.errno and error.filename and not isinstance(error, FileNotFoundError)
        if options.debug or not denied:
            raise
        print(f"ser: {error.filename!s:.200}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ser: interrupted; what was finished is kept, run it again to go on", file=sys.stderr)
        return 130


@contextmanager
def _insistent() -> Iterator[None]:
    """Interrupt again each second: an interrupt in a callback of Python's own is lost."""

    def interrupt(*_) -> None:
        signal.setitimer(signal.ITIMER_REAL, 1)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for one, handler in before.items():
            signal.signal(one, handler)
