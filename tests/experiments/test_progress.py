from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from evo.budget import Budget
from evo.evaluation import Source, Status
from evo.events import Event, Failed, GenerationEnded, Settled, Stopped, Told
from experiments.progress import Progress
from experiments.tally import Tally
from tests.evo.driving import drive
from tests.standins import SOURCE, search_settings, synthetic_engine

BUDGET = 23


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def console(terminal: bool, encoding: str = "utf-8", width: int = 200) -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="", write_through=True)
    environ = {"TERM": "xterm"}
    return Console(
        file=file, force_terminal=terminal, force_interactive=terminal, width=width, _environ=environ
    )


def shown(on: Console) -> str:
    stream = on.file
    assert isinstance(stream, io.TextIOWrapper)
    stream.seek(0)
    return stream.read()


def events(evaluations: int = BUDGET) -> list[Event]:
    return drive(synthetic_engine(search_settings(budget=Budget(evaluations=evaluations))))


def watch(
    seen: list[Event], on: Console, clock: Clock, *, past: list[Event] | None = None, **options: object
) -> None:
    progress = Progress(on, SOURCE, BUDGET, Tally(past or []), clock=clock, **options)  # type: ignore[arg-type]
    progress.start()
    for event in seen:
        clock.now += 0.5 if isinstance(event, Told) else 0.0
        progress.record(event)
    progress.close()


def test_a_search_that_cannot_go_on_has_failed() -> None:
    on = console(False)
    watch([*events()[:4], Failed(reason="the disk is full")], on, Clock())
    assert shown(on).splitlines()[-1].startswith("failed · gen ")


def test_plain_has_one_line_a_generation_and_one_at_each_end() -> None:
    on, seen = console(False), events()
    watch(seen, on, Clock())
    lines = shown(on).splitlines()
    ended = [event for event in seen if isinstance(event, GenerationEnded)]
    assert len(lines) == len(ended) + 2
    assert lines[0] == "start · gen 0 · 0/23 evaluated"
    for line, event in zip(lines[1:], ended, strict=False):
        assert line.startswith(f"gen {event.generation} · {event.told}/23 evaluated · best ")
        best = event.population[0].speedup
        rate = "2.0/s · " if event.generation else ""
        assert f"best {best:.2f}× (modelled) · {rate}" in line
        assert ("/s" in line) is bool(rate), "until the second evaluation there is no rate: rooms start"
    assert lines[-1].startswith("stopped: 23 evaluations made · gen ")


def test_plain_has_no_control_characters() -> None:
    on = console(False)
    watch(events(), on, Clock())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", shown(on))


def test_counts_add_up_to_what_was_settled() -> None:
    on, seen = console(False), events()
    watch(seen, on, Clock())
    settled = [event.individual.evaluation.status for event in seen if isinstance(event, Settled)]
    counts = shown(on).splitlines()[-1].rsplit(" · ", 1)[1]
    assert counts.startswith(f"passed {settled.count(Status.PASSED)}")
    assert f"duplicate {settled.count(Status.DUPLICATE)}" in counts
    assert sum(map(int, re.findall(r"\d+", counts))) == len(settled)


def test_eta_is_what_is_left_at_this_rate() -> None:
    on = console(False)
    watch(events(), on, Clock())
    told = {11: "0:06", 6: "0:08"}
    for line in shown(on).splitlines():
        found = re.search(r"gen \d+ · (\d+)/23 .* ETA (\S+) ", line)
        if found and int(found[1]) in told:
            assert found[2] == told.pop(int(found[1]))
    assert not told


def test_no_budget_no_eta() -> None:
    on, clock = console(False), Clock()
    progress = Progress(on, Source.MEASURED, None, clock=clock)
    for event in events():
        clock.now += 1
        progress.record(event)
    progress.close()
    assert "ETA" not in shown(on)
    assert "· 23 evaluated · best" in shown(on)
    assert "(measured)" in shown(on)


def test_a_resumed_session_goes_on_from_the_count_and_rates_only_itself() -> None:
    on, seen = console(False), events()
    cut = next(
        i for i, event in enumerate(seen) if isinstance(event, GenerationEnded) and event.generation == 2
    )
    watch(seen[cut + 1 :], on, Clock(), past=seen[: cut + 1])
    lines = shown(on).splitlines()
    assert lines[0].startswith("resume · gen 2 · 11/23 evaluated · best ")
    assert "/s" not in lines[0]
    assert "· 2.0/s ·" in lines[1]


def test_slow_searches_are_rated_by_the_minute_or_hour() -> None:
    seen = events()
    for seconds, rate in ((10.0, "6.0/min"), (600.0, "6.0/h")):
        on, clock = console(False), Clock()
        progress = Progress(on, SOURCE, BUDGET, clock=clock)
        progress.start()
        clock.now += 3600
        first, second, *_ = (event for event in seen if isinstance(event, Told))
        progress.record(first)
        clock.now += seconds
        progress.record(second)
        progress.close()
        assert f" · {rate} · " in shown(on)


def test_a_terminal_gets_one_live_line() -> None:
    on, seen = console(True), events()
    watch(seen, on, Clock())
    text = shown(on)
    assert "\x1b[2K" in text
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n")
    assert "gen 1 · 2/23 evaluated · best 1.00× (modelled) · 2.0/s · ETA 0:10 · passed" in plain
    assert plain.splitlines()[-1] == "stopped: 23 evaluations made"
    assert text.count("\n") <= 3, "the live line moves the screen"


def test_a_narrow_terminal_cuts_the_line() -> None:
    on = console(True, width=30)
    watch(events(), on, Clock())
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown(on)).replace("\r", "\n")
    assert max(map(len, plain.splitlines())) <= 30


def test_a_terminal_is_drawn_ten_times_a_second_at_most() -> None:
    on, clock = console(True), Clock()
    progress = Progress(on, SOURCE, 10_000, clock=clock)
    progress.start()
    before = len(shown(on))
    for number in range(1000):
        progress.record(Told(number=number, status=Status.WRONG, told=number + 1))
    assert len(shown(on)) == before
    clock.now += 0.2
    progress.record(Told(number=1000, status=Status.WRONG, told=1001))
    assert "wrong 1001" in shown(on)
    progress.close()


def test_an_interrupted_search_says_so() -> None:
    for terminal in (True, False):
        on = console(terminal)
        watch(events()[:5], on, Clock())
        assert "interrupted" in shown(on)


def test_quiet_prints_nothing() -> None:
    for terminal in (True, False):
        on = console(terminal)
        watch(events(), on, Clock(), quiet=True)
        assert shown(on) == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_a_console_that_cannot_write_unicode_gets_ascii(terminal: bool) -> None:
    on = console(terminal, encoding="ascii")
    watch(events(), on, Clock())
    assert "x (modelled) | 2.0/s" in shown(on)


def test_closing_twice_or_before_any_event_is_fine() -> None:
    on = console(False)
    progress = Progress(on, SOURCE, None, clock=Clock())
    progress.close()
    assert shown(on) == ""
    progress.record(Stopped(reason="enough"))
    progress.close()
    progress.close()
    assert shown(on).count("stopped: enough") == 1
