"""The command line: what can be asked of kernevo, and how it ends.

Exit 0: done. 1: the run failed. 2: wrong use. 130: interrupted. Errors are one line on standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from evo.errors import RunFailure, UsageError
from experiments import examining, exchange
from experiments.commands import judging, searching, telling
from experiments.console import Printer, give_up, output, writing
from experiments.interrupts import INTERRUPTED
from experiments.tracking_settings import cut
from fitness.settings import FitnessSettings

LONGEST_MESSAGE = 600


class _Whole(click.IntRange):
    """A whole number, and called so."""

    name = "whole number"


RUN = click.argument("run", type=click.Path(path_type=Path))
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code."""
    try:
        result = cli.main(args=list(arguments), prog_name="kernevo", standalone_mode=False)
    except click.ClickException as error:
        return _refuse(error.format_message(), 2)
    except UsageError as error:
        return _refuse(str(error), 2)
    except RunFailure as error:
        return _refuse(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        return _refuse("interrupted", INTERRUPTED)
    except BrokenPipeError:
        give_up()
        return 0
    return result if isinstance(result, int) else 0


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(package_name="kernevo")
@click.pass_context
def cli(context: click.Context) -> None:
    """Search for faster Triton kernels."""
    if context.invoked_subcommand is None:
        raise UsageError(f"a command is needed, one of {', '.join(sorted(cli.commands))}; got none")


@cli.command("run")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting of the config.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; default runs/<task>-<time>.")
@click.option("--seed", type=_Whole(min=0), help="Seed of the search; drawn if not given.")
@click.option(
    "--from", "sources", multiple=True, metavar="RUN[:ID]",
    help="Begin with the elites of an earlier run, or with one of its candidates.",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print the result alone.")
def run_command(
    config: Path,
    changes: tuple[str, ...],
    out: Path | None,
    seed: int | None,
    sources: tuple[str, ...],
    quiet: bool,
) -> int:
    """Search as CONFIG says."""
    seeded = () if seed is None else (f"search.seed={seed}",)
    for source in sources:
        if not source.isprintable():
            raise UsageError(f"a run to begin with must have a name that can be printed, got {source!r}")
    warm = (f"warm_start={json.dumps(sources, ensure_ascii=False)}",) if sources else ()
    return searching.run(config, (*changes, *seeded, *warm), out, quiet)


@cli.command()
@RUN
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting, such as a budget."
)
@click.option("--quiet", is_flag=True, help="Print the result alone.")
def resume(run: Path, changes: tuple[str, ...], quiet: bool) -> int:
    """Go on with RUN where it stopped; nothing is evaluated twice."""
    return searching.resume(run, changes, quiet)


@cli.command()
@RUN
@JSON
def status(run: Path, as_json: bool) -> None:
    """Say where RUN stands; works while it is searching."""
    telling.status(run, _printer(as_json))


@cli.command()
@RUN
@JSON
def best(run: Path, as_json: bool) -> None:
    """Print the source of RUN's best kernel."""
    telling.best(run, _printer(as_json))


@cli.command()
@RUN
@click.argument("number", type=_Whole(min=0), required=False)
@click.option("--ancestors", "show", flag_value="ancestors", help="All that NUMBER comes from.")
@click.option("--descendants", "show", flag_value="descendants", help="All that comes from NUMBER.")
@click.option("--all", "show", flag_value="all", help="Every candidate, rejected ones included.")
@click.option(
    "--from",
    "store",
    metavar="URI",
    help="Ask MLflow at URI, or `mlflow` for MLFLOW_TRACKING_URI; RUN is then a run's id or name there.",
)
@click.option("--prompt", "show", flag_value="prompt", help="What models were asked for NUMBER and said.")
@JSON
def lineage(run: Path, number: int | None, show: str | None, store: str | None, as_json: bool) -> None:
    """Print the line of descent of candidate NUMBER of RUN, or of the best."""
    if store is None:
        telling.lineage(run, number, show or "line", _printer(as_json))
    else:
        telling.tracked_lineage(store, str(run), number, show or "line", _printer(as_json))


@cli.command()
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN...")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; default report.html in RUN.")
@JSON
def report(runs: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Write a page that tells RUN and opens offline; of several runs, one that compares them."""
    telling.report(runs, out, _printer(as_json))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--task", required=True, help="Name of a task, or the path of a task folder.")
@click.option("--target", default="gfx942", show_default=True, help="Architecture to compile for.")
@click.option(
    "--device",
    default="auto",
    show_default=True,
    help="cuda:N or rocm:N to measure on, model, or auto: measure if a GPU of the target is there.",
)
@click.option(
    "--portable", is_flag=True, help="Any GPU will do; the kernel must compile for the target all the same."
)
@JSON
def evaluate(file: Path, task: str, target: str, device: str, portable: bool, as_json: bool) -> None:
    """Say whether the kernel in FILE is correct, and how fast beside the task's seed."""
    settings = FitnessSettings(target=target, device=device, portable=portable)
    judging.evaluate(file, task, settings, _printer(as_json))


@cli.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--check", is_flag=True, help="Say what is wrong with each task; exit 2 if anything is.")
@click.option(
    "--target", default="gfx942", show_default=True, help="Architecture that seeds are checked for."
)
@JSON
def tasks(names: tuple[str, ...], check: bool, target: str, as_json: bool) -> int:
    """List tasks by NAME or folder, or all that come with kernevo."""
    if check:
        return judging.check_tasks(names, target, _printer(as_json))
    judging.tasks(names, _printer(as_json))
    return 0


@cli.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting of the study.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the study; default runs/<name>.")
@click.option("--plan", "way", flag_value="plan", help="Say what it will cost, and spend nothing.")
@click.option("--pilot", "way", flag_value="pilot", help="Search a small slice; say how many seeds it takes.")
@click.option("--simulate", "way", flag_value="simulate", help="Run it on paper, on what was fitted to runs.")
@click.option("--workers", type=click.IntRange(min=1), help="Runs at once; default half the cores.")
@JSON
def study(
    config: Path,
    changes: tuple[str, ...],
    out: Path | None,
    way: str | None,
    workers: int | None,
    as_json: bool,
) -> int:
    """Compare ways to search at equal budget, as CONFIG says; goes on where it stopped."""
    from experiments import studies  # matplotlib and pyarrow take seconds to import

    request = studies.Request(config=config, changes=changes, out=out, workers=workers)
    ways = {"plan": studies.plan, "pilot": studies.pilot, "simulate": studies.simulate, None: studies.study}
    return ways[way](request, _printer(as_json))


@cli.command()
@RUN
@click.option("--count", type=click.IntRange(min=1), help="Requests to write at most; default all that wait.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write the batch to.")
@click.option("--quiet", is_flag=True, help="No progress line.")
@JSON
def ask(run: Path, count: int | None, out: Path, quiet: bool, as_json: bool) -> int:
    """Write what RUN asks of models to a file, as a batch in OpenAI's format."""
    return exchange.ask(run, count, out, quiet, _printer(as_json))


@cli.command()
@RUN
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--quiet", is_flag=True, help="No progress line.")
@JSON
def tell(run: Path, file: Path, quiet: bool, as_json: bool) -> int:
    """Go on with RUN with the replies in FILE, the results of a batch that `kernevo ask` wrote."""
    return exchange.tell(run, file, quiet, _printer(as_json))


@cli.command()
@RUN
@click.option("--uri", help="Tracking URI; default the run's own.")
def sync(run: Path, uri: str | None) -> None:
    """Rebuild RUN in MLflow from its journal."""
    telling.sync(run, uri)


@cli.command()
@click.option("--device", help="A GPU, cuda:N or rocm:N, whose judge is tested, for some minutes.")
@click.option("--out", type=click.Path(path_type=Path), help="With --device: file to write all of it to.")
@JSON
def doctor(device: str | None, out: Path | None, as_json: bool) -> int:
    """Say what this machine has: packages, targets that can be built, isolation in force, how a GPU fares."""
    if device is None and out is not None:
        raise UsageError("--out goes with --device")
    if device is None:
        examining.doctor(_printer(as_json))
        return 0
    return examining.test_device(device, out, _printer(as_json))


def _printer(as_json: bool) -> Printer:
    """Return what prints a command's report: tables for people, or one JSON object."""

    def show(data: Any, table: Any) -> None:
        with writing():
            if as_json:
                click.echo(json.dumps(data))
            else:
                table(output())

    return show


def _refuse(message: str, code: int) -> int:
    """Say in one line why the command ends here."""
    line = cut(" ".join(message.split()), LONGEST_MESSAGE)
    print(f"kernevo: {''.join(each if each.isprintable() else '?' for each in line)}", file=sys.stderr)
    return code
