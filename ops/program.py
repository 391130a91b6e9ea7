"""The program behind the command `tocsin`: registers the commands, and turns errors into one line and an exit status."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import typer

from ops.output import NO_ROOM, first_loss, lenient, stdout_to_nowhere
from ops.plugins import load_plugins
from tocsin.core.errors import TocsinError
from tocsin.version import __version__

COMMANDS = (
    "up",
    "demo",
    "doctor",
    "backup",
    "move",
    "health",
    "replay",
    "export",
    "imports",
    "retention",
    "erase",
    "score",
    "detect",
    "match",
    "apply",
    "access",
    "sources",
    "dead_letters",
    "alerts",
    "escalations",
    "channels",
    "monitors",
    "definitions",
    "corrections",
    "settings",
    "mcp",
    "oncall",
)


# Of a value that does not fit, so many characters are shown.
_SHOWN = 40


def main() -> None:
    """Run the command line.

    Exits with 0 for done, 1 for a problem that the work found, 2 for wrong use or input, 130 on Ctrl-C.
    """
    signal.signal(signal.SIGTERM, _terminated)
    if sys.stderr is not None:
        sys.stderr = lenient(sys.stderr)
    status = 0
    try:
        try:
            status = _run()
        except KeyboardInterrupt:
            status = 130
        # Here the end of the output can still be refused in words. Where nothing was printed, nothing is written.
        if sys.stdout is not None:
            sys.stdout.flush()
        lost = first_loss()
        if lost is not None:
            raise lost
    except KeyboardInterrupt:
        status = 130
    except OSError as error:
        ended = _end_of_output(error)
        status = status or ended
        stdout_to_nowhere()
    if status:
        sys.exit(status)


def _end_of_output(error: OSError) -> int:
    """Say that the output cannot be written, and return the status. Raises an error that is of something else."""
    # The reader has closed the pipe.
    if isinstance(error, BrokenPipeError):
        return 0
    if error.errno not in NO_ROOM or error.filename is not None:
        raise error
    _say(f"the output cannot be written: {error.strerror}; make room; what was written is not whole")
    return 1


def build_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command line, not yet run: every command of `COMMANDS` and the options of all. Where the first of the `arguments` is
    the name of a command, it has that command alone: typer reads the parameters of each, which takes longer than many commands.
    """
    app = typer.Typer(
        name="tocsin",
        help="Social listening that wakes one person, once, for a reason.",
        epilog="Start with: tocsin demo",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for name in COMMANDS:
        importlib.import_module(f"ops.commands.{name}").register(app)
    _global_options(app)
    for asked in arguments[:1]:
        commands = [one for one in app.registered_commands if one.name == asked]
        groups = [one for one in app.registered_groups if one.name == asked]
        if commands or groups:
            app.registered_commands, app.registered_groups = commands, groups
    return app


def _run() -> int:
    """Run the command and return its status. Why a command ended with an error is said here."""
    app = build_app(sys.argv[1:])
    for wrong in load_plugins():
        _say(wrong)
    try:
        status = app(prog_name="tocsin", standalone_mode=False)
        # Typer returns the status of an Exit.
        return status if isinstance(status, int) else 0
    except SystemExit as ended:
        # Click makes a closed pipe an exit with 1.
        if isinstance(ended.__context__, BrokenPipeError):
            raise ended.__context__ from None
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        raise
    except TocsinError as error:
        _say(str(error))
        return error.exit_code
    except typer.Abort:
        return 130
    except typer.Exit as error:
        return error.exit_code
    except _usage_error() as error:
        context = getattr(error, "ctx", None)
        where = f" (see {context.command_path} --help)" if context else ""
        _say(f"{_wrong_use(error)}{where}")
        return 2


def _wrong_use(error: Any) -> str:
    """What is wrong with the options and arguments. A value that does not fit is refused in the words that settings and forms
    have for it; where the library checked it in another way, in the library's own.
    """
    # Imported here: pydantic is large, and a command that is used rightly may do without.
    from pydantic import ValidationError

    from tocsin.core.faults import fault_of

    if not isinstance(error.__cause__, ValidationError) or getattr(error, "param", None) is None:
        return str(error.format_message()) or "a command is missing"
    first = error.__cause__.errors()[0]
    called = max([*error.param.opts, *error.param.secondary_opts], key=len)
    return f"{called} {str(first['input'])[:_SHOWN]!r}: {fault_of(first)}"


def _usage_error() -> type[Any]:
    """Typer's class of wrong use. Recent versions of typer bring a click of their own, older ones use the package click."""
    base = typer.BadParameter.__base__
    assert base is not None
    return base


def _global_options(app: typer.Typer) -> None:
    def version(value: bool) -> None:
        if value:
            typer.echo(f"tocsin {__version__}")
            raise typer.Exit

    @app.callback()
    def options(
        _version: bool = typer.Option(
            False, "--version", callback=version, is_eager=True, help="Print the version."
        ),
        log_level: str | None = typer.Option(None, "--log-level", help="debug, info, warning or error."),
    ) -> None:
        # Imported here: structlog is large, and --version and --help log nothing.
        from tocsin.logs import set_up

        set_up(log_level)
        # For the settings, and for the processes that this one starts.
        if log_level is not None:
            os.environ["TOCSIN_LOG_LEVEL"] = log_level.lower()


def _say(message: str) -> None:
    with contextlib.suppress(OSError):
        print(f"tocsin: {message}", file=sys.stderr)  # noqa: T201  # the one place that speaks for every command


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
