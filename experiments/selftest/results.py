"""What a self-test finds, as data."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from experiments.doctor import Finding
from fitness.judge.messages import Fingerprint

FALSE_WINS = 0
"""Times that a kernel may be found faster than itself."""


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """A seed kernel on one workload.

    Attributes:
        workload: its name.
        latency_ms: of a call.
        noise: how far from itself an A/A run found it, as a share of the latency.
        share: of what the device's roof allows; more than 1 where a cache helps; None where nothing is moved.
    """

    workload: str
    latency_ms: float
    noise: float
    share: float | None


class SeedTold(msgspec.Struct, frozen=True, kw_only=True):
    """A task's seed kernel, judged against itself; `fault` says why it did not pass."""

    task: str
    timed: tuple[Timed, ...] = ()
    note: str = ""
    fault: str = ""


class SpecimenTold(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel of the corpus: how it ended, and in which way that is not as expected, if it is not."""

    name: str
    kind: str
    ended: str
    missed: str = ""


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """A seed kernel held against itself again and again on one workload.

    Attributes:
        task, workload: names.
        runs: how often.
        sd, worst: of the logarithm of its speed-up over itself.
        false_wins: how often it was found faster than itself.
        fault: why that could not be done.
    """

    task: str
    workload: str = ""
    runs: int = 0
    sd: float = 0.0
    worst: float = 0.0
    false_wins: int = 0
    fault: str = ""


class RunDirectly(msgspec.Struct, frozen=True, kw_only=True):
    """A seed kernel run directly by a process of lower trust, and what that says against the judge."""

    task: str
    latencies: dict[str, float]
    against: tuple[str, ...]


class SelfTest(msgspec.Struct, frozen=True, kw_only=True):
    """All that a self-test found.

    Attributes:
        fingerprint: the device.
        findings: packages, isolation, and parts that could not be looked at.
        seeds, specimens, repeated, direct: one each.
        seconds: what it took.
    """

    fingerprint: Fingerprint
    findings: tuple[Finding, ...]
    seeds: tuple[SeedTold, ...] = ()
    specimens: tuple[SpecimenTold, ...] = ()
    repeated: tuple[Repeated, ...] = ()
    direct: tuple[RunDirectly, ...] = ()
    seconds: float = 0.0

    def unexpected(self) -> Iterator[str]:
        """Yield a line for whatever is not as it should be."""
        yield from (f"{each.what}: {each.value}" for each in self.findings if not each.good)
        yield from (f"seed of {each.task}: {each.fault}" for each in self.seeds if each.fault)
        yield from (f"{each.kind} {each.name}: {each.missed}" for each in self.specimens if each.missed)
        for told in self.repeated:
            if told.fault:
                yield f"{told.task} against itself: {told.fault}"
            elif told.false_wins > FALSE_WINS:
                yield f"{told.task}/{told.workload} was found faster than itself {told.false_wins} times"
        for run in self.direct:
            yield from (f"{run.task} run directly: {line}" for line in run.against)
