"""The command `cart`: a thin layer over the Python calls.

Promise: bad input gives one line on standard error and exit code 2; a run that failed, or output that nobody
takes, gives exit code 1; Ctrl-C gives exit code 130, another signal that ends a process 128 and its number
(143 for SIGTERM, 129 for SIGHUP). Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from harness.cli import (
    calibrate,
    data,
    decisions,
    design,
    digitized,
    exchange,
    fit,
    maps,
    models,
    nca,
    patients,
    population,
    simulate,
    status,
    translate,
    validate,
)
from harness.cli.endings import Requests, as_interrupts, end_undisturbed, fill_closed_streams
from harness.cli.examples import EXAMPLES
from harness.cli.recorded import TYPED
from harness.errors import InputError, RunFailed
from harness.former import FormerName, current
from harness.reading import require_plain

__all__ = ["app_of", "main"]

INTERRUPTED = 130  # what typer returns for Ctrl-C


def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """CAR-T cell pharmacology at three scales: build, check, simulate and score the models."""
    if version:
        from importlib.metadata import version as installed

        print(f"cart-pkpd {installed('cart-pkpd')}")
        raise typer.Exit(0)


COMMANDS = (
    models.models,
    models.build,
    models.check,
    simulate.simulate,
    nca.nca,
    design.scan,
    design.run,
    maps.map_,
    maps.sensitivity,
    population.population,
    population.trial,
    decisions.compare,
    decisions.exposure,
    decisions.drivers,
    decisions.escalate,
    patients.patients,
    data.data,
    digitized.digitized,
    fit.fit,
    translate.translate,
    calibrate.calibrate,
    calibrate.predict,
    validate.validate,
    validate.report,
    validate.docs,
    status.status,
    exchange.export,
    exchange.explore,
    exchange.agree,
)


def app_of(arguments: list[str]) -> typer.Typer:
    """The application for some arguments: with the command that they begin with, or with all of them.

    To read the options of all commands takes as long as to integrate a model some thirty times.
    """
    app = typer.Typer(
        name="cart",
        help="CAR-T cell pharmacology at three scales: build, check, simulate and score the models.",
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(options)
    by_name = {command.__name__.rstrip("_"): command for command in COMMANDS}
    named = arguments[0] if arguments else ""
    for name in [named] if named in by_name else by_name:
        lines = "\n".join(f"  {line}" for line in EXAMPLES[name])
        app.command(name, epilog=f"\b\nFor example:\n{lines}")(by_name[name])
    return app


def main() -> None:
    """Run the command line."""
    fill_closed_streams()
    code = run(sys.argv[1:])
    if code > 128:
        end_undisturbed()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    with as_interrupts() as requests, _former_names_told():
        try:
            code = _run(arguments, requests)
        except BaseException:
            if not requests.came:
                raise
            code = INTERRUPTED
        if code != INTERRUPTED:
            return code
        requests.heard = True
        from harness.cli.terminal import interruption

        with contextlib.suppress(OSError):  # of a terminal that is gone
            print(" ".join(["cart: interrupted", interruption()]).strip(), file=sys.stderr)
    return 128 + requests.came[0] if requests.came else INTERRUPTED


@contextlib.contextmanager
def _former_names_told() -> Iterator[None]:
    """Within it, a name that something had before is told in a line, each once."""
    told: set[str] = set()

    def tell(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, FormerName):
            shown(message, category, *where, **more)
        elif str(message) not in told:
            told.add(str(message))
            print(f"cart: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        shown, warnings.showwarning = warnings.showwarning, tell
        warnings.filterwarnings("always", category=FormerName)
        yield


def _require_once(commands: Any, given: list[str]) -> None:
    """Refuse an option of one value that is given twice: only the last would count."""
    command = commands.commands.get(given[0]) if given else None
    typed = [argument.partition("=")[0] for argument in given[: given.index("--") if "--" in given else None]]
    for option in command.params if command is not None else ():
        if option.param_type_name == "option" and not (option.multiple or option.is_flag):
            named = [name for name in typed if name in option.opts]
            if len(named) > 1:
                raise InputError(f"{named[0]}: given {len(named)} times; it takes one value")


def _of_now(argument: str) -> str:
    """An argument, with the name that its option has now."""
    name, equals, value = argument.partition("=")
    return f"{current('option', name)}{equals}{value}" if name.startswith("--") else argument


def _run(arguments: list[str], requests: Requests) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Unicode gets a ? for it
    try:
        for argument in arguments:
            require_plain(argument, "arguments")
        given = [_of_now(argument) for argument in arguments]
        TYPED.set(given)
        commands = typer.main.get_command(app_of(given))
        _require_once(commands, given)
        code = commands(args=given, prog_name="cart", standalone_mode=False) or 0
        sys.stdout.flush()
        return code
    except InputError as error:
        if requests.came:  # the workers were asked to end as well, and the exception that says so was lost
            return INTERRUPTED
        return _fail(str(error), 1 if isinstance(error, RunFailed) else 2)
    except typer.TyperException as error:
        lines = error.format_message().splitlines()
        if not arguments:
            print("\n".join(lines))
            return 2
        context = getattr(error, "ctx", None)  # of the command that there is, whatever was typed
        return _fail(f"{' '.join(lines)} See: {context.command_path if context else 'cart'} --help")
    except KeyboardInterrupt:
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:  # typer ends the process where it meets a broken pipe
        if isinstance(error, SystemExit) and not error.code:
            return 0  # it has told a shell how a line goes on
        sys.stdout = None  # nothing more to say to it
        return _fail("whoever read the output has gone", 1)
    except MemoryError:
        return _fail("not enough memory", 1)
    except OSError as error:
        sys.stdout = None
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", 1)


def _fail(message: str, code: int = 2) -> int:
    with contextlib.suppress(OSError):  # of a terminal that is gone
        print(f"cart: {' '.join(message.split())}", file=sys.stderr)
    return code
