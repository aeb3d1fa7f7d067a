"""What a self-test found, as tables for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from experiments.doctor import show_findings
from experiments.selftest.results import SelfTest

SHOWN = 160
"""Letters of a line that is cut."""


def show_self_test(console: Console, test: SelfTest) -> None:
    """Print everything that was found, and at the end what is not as it should be."""
    found = test.fingerprint
    console.print(
        f"{found.label}, {found.units} units, {found.memory_bytes / 2**30:.0f} GiB, torch {found.torch}, "
        f"{found.backend}:{found.index} {found.uuid}"
    )
    show_findings(console, list(test.findings))
    _show_seeds(console, test)
    _show_repeated(console, test)
    _show_direct(console, test)
    _show_corpus(console, test)
    lines = list(test.unexpected())
    for line in lines:
        console.print(f"!! {' '.join(line.split())[:SHOWN]}")
    as_expected = (
        "all is as it should be" if not lines else f"{len(lines)} of all this is not as it should be"
    )
    console.print(f"{as_expected}, after {test.seconds:.0f} s")


def _show_seeds(console: Console, test: SelfTest) -> None:
    table = _table("seed kernels against themselves (measured)", "seed of", "workload")
    for heading in ("ms", "noise", "of the roof"):
        table.add_column(heading, justify="right")
    for seed in test.seeds:
        if seed.fault:
            table.add_row(seed.task, seed.fault[:SHOWN])
        for each in seed.timed:
            share = "" if each.share is None else f"{each.share:.0%}"
            table.add_row(seed.task, each.workload, f"{each.latency_ms:.4f}", f"{each.noise:.2%}", share)
    console.print(table)


def _show_repeated(console: Console, test: SelfTest) -> None:
    table = _table("the same, again and again", "task", "workload")
    for heading in ("runs", "sd", "worst", "false wins"):
        table.add_column(heading, justify="right")
    for each in test.repeated:
        if each.fault:
            table.add_row(each.task, each.fault[:SHOWN])
        else:
            table.add_row(
                each.task, each.workload, str(each.runs), f"{each.sd:.3%}", f"{each.worst:.3%}",
                str(each.false_wins),
            )  # fmt: skip
    console.print(table)


def _show_direct(console: Console, test: SelfTest) -> None:
    judged = {(seed.task, each.workload): each.latency_ms for seed in test.seeds for each in seed.timed}
    table = _table("run directly, in a process of lower trust, by its own word", "task", "workload")
    for heading in ("ms", "over judged"):
        table.add_column(heading, justify="right")
    for each in test.direct:
        for workload, latency in each.latencies.items():
            known = judged.get((each.task, workload))
            table.add_row(
                each.task, workload, f"{latency:.4f}", "" if known is None else f"{latency / known:.2f}"
            )
    console.print(table)


def _show_corpus(console: Console, test: SelfTest) -> None:
    table = _table("kernels that cheat, and honest ones", "kind")
    for heading in ("kernels", "as expected"):
        table.add_column(heading, justify="right")
    for kind in sorted({each.kind for each in test.specimens}):
        of_kind = [each for each in test.specimens if each.kind == kind]
        table.add_row(kind, str(len(of_kind)), str(sum(not each.missed for each in of_kind)))
    console.print(table)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
