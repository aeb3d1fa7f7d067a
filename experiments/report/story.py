"""The story of a run in a paragraph of figures."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from markupsafe import Markup

from evo.evaluation import Source, Status
from experiments.report.devices import device_of
from experiments.report.fates import Fate, RunTold
from experiments.report.wording import STAGE_WORDS, STATUS_WORDS, count, dollars, duration, times

TOLD_STEPS = 3
WORTH_TELLING = 1.01
"""Speed-up over its parent from which on a step of the winner's line is told."""


def story(run: RunTold) -> Markup:
    """Return the story: what was gained, how, at which cost, and why it ended. Names in it are escaped."""
    return Markup(" ").join(_sentences(run))


def place(run: RunTold) -> str:
    """Return the device of a run: one that is modelled by its product's name, where that is known."""
    device = device_of(run) if run.source is Source.MODELLED else None
    return run.identity.device if device is None else f"{device.product} ({device.arch})"


def _sentences(run: RunTold) -> Iterator[Markup]:
    yield _gained(run)
    winner = run.winner
    if winner is not None and winner.parents:
        yield _came_about(run, winner)
    if len(run.fates) > 1:
        yield _ended(run)
    yield from _cost(run)
    yield _stopped(run)


def _gained(run: RunTold) -> Markup:
    winner, where = run.winner, place(run)
    if not run.fates:
        return _("Nothing has been evaluated yet: {} on {}.", run.task.name, where)
    if winner is None or winner.speed is None:
        return _("None of {} has passed yet: {} on {}.", _figure(count(len(run.fates), "candidate")),
                 run.task.name, where)  # fmt: skip
    if len(run.fates) == 1:
        return _("Only the seed kernel has been evaluated yet: {} on {}.", run.task.name, where)
    effort = _(
        "In {} over {} and {}", _figure(count(len(run.fates), "evaluation")),
        _figure(count(max(each.generation for each in run.fates.values()), "generation")),
        _figure(duration(run.latest.seconds)),
    )  # fmt: skip
    if not winner.parents or winner.speed.value <= 1:
        return _("{}, no kernel was found that is faster than the seed of {} on {}{}.",
                 effort, run.task.name, where, _how(run))  # fmt: skip
    return _("{}, the search made {} {} as fast as its seed kernel on {}{}.", effort,
             run.task.name, _figure(times(winner.speed.value)), where, _how(run))  # fmt: skip


def _how(run: RunTold) -> Markup:
    """Return how sure that is."""
    if run.source is Source.MODELLED:
        return _(", by the {}: nothing here was measured on a GPU", "cost model")
    speed = run.winner and run.winner.speed
    if not speed or speed.low == speed.high:
        return _(", measured")
    return _(", measured (99% interval {} to {})", times(speed.low), times(speed.high))


def _came_about(run: RunTold, winner: Fate) -> Markup:
    line = run.line(winner.number)
    steps = []
    for before, after in itertools.pairwise(line):
        was, now = run.fates[before].speed, run.fates[after].speed
        if was and now and now.value / was.value >= WORTH_TELLING:
            steps.append((now.value / was.value, run.fates[after]))
    most = sorted(steps, key=lambda step: -step[0])[:TOLD_STEPS]
    told = [_("{} gave {} (candidate {})", _figure(fate.operator), times(gain), fate.number)
            for gain, fate in most]  # fmt: skip
    way = _("The winner, candidate {}, is {} from the seed", _figure(str(winner.number)),
            _figure(count(len(line) - 1, "step")))  # fmt: skip
    return _("{}.", way) if not told else _("{}: {}.", way, _listed(told))


def _ended(run: RunTold) -> Markup:
    """Return how candidates ended."""
    statuses = Counter(each.status for each in run.fates.values())
    passed, repeated = statuses.pop(Status.PASSED, 0), statuses.pop(Status.DUPLICATE, 0)
    failed = statuses.total()
    parts = [_("{} passed", _figure(f"{passed:,}"))]
    if repeated:
        parts.append(_("{} repeated others", _figure(f"{repeated:,}")))
    if failed:
        [(worst, often)] = statuses.most_common(1)
        stage = Counter(
            each.stage for each in run.fates.values() if each.status is worst
        ).most_common(1)[0][0]  # fmt: skip
        parts.append(_("{} failed, most often as {} ({}, at {})", _figure(f"{failed:,}"),
                       STATUS_WORDS[worst], f"{often:,}", STAGE_WORDS[stage]))  # fmt: skip
    return _("Of all candidates {}.", _listed(parts))


def _cost(run: RunTold) -> Iterator[Markup]:
    now, parts = run.latest, []
    if now.cpu_seconds:
        parts.append(_("{} of CPU time", _figure(duration(now.cpu_seconds))))
    if now.gpu_seconds:
        parts.append(_("{} of GPU time", _figure(duration(now.gpu_seconds))))
    if now.tokens:
        parts.append(_("{}", _figure(count(now.tokens, "token"))))
    if now.dollars:
        parts.append(_("{}", _figure(dollars(now.dollars))))
    if parts:
        yield (
            _("Evaluations and models cost {}.", _listed(parts))
            if now.tokens
            else _("Evaluations took {}.", _listed(parts))
        )


def _stopped(run: RunTold) -> Markup:
    if run.stopped:
        return _("It stopped: {}.", run.stopped)
    waiting = _("; {} under way", f"{count(run.under_way, 'candidate')}") if run.under_way else Markup()
    return _("It has not stopped: it is searching, or was interrupted{}.", waiting)


def _listed(parts: list[Markup]) -> Markup:
    if len(parts) == 1:
        return parts[0]
    return Markup(", ").join(parts[:-1]) + Markup(" and ") + parts[-1]


def _figure(text: str) -> Markup:
    return _("<b>{}</b>", text)


def _(text: str, *values: object) -> Markup:
    """Return the text, which is ours, with values put into it, which need not be."""
    return Markup(text).format(*values)
