"""The writer's thread, its bounds, and what the settings say before any of it starts."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from evo.candidate import Spend
from evo.errors import RunFailure, SettingsError
from evo.evaluation import Source
from evo.events import Event, Stopped
from experiments.tracking_exchange import asked_text, replied_text, trace
from experiments.tracking_recorded import Call
from experiments.tracking_settings import TrackingFailure, TrackingSettings, discreet, reaching
from experiments.tracking_writer import BATCH, Timed, Writer
from tests.experiments.tracked import tracked_run


class GatedSink:
    """Writes once its gate is open, and fails from a given batch on."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.gate = threading.Event()
        self.reached = threading.Event()
        self.batches: list[list[Event]] = []
        self.closed = False
        self._fail_after = fail_after

    def open(self) -> str:
        self.reached.set()
        assert self.gate.wait(60)
        return "id"

    def write(self, batch: Sequence[Timed]) -> None:
        if self._fail_after is not None and len(self.batches) >= self._fail_after:
            raise TrackingFailure("it is gone")
        self.batches.append([event for _, event in batch])

    def close(self) -> None:
        self.closed = True

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]


def writer(sink: GatedSink, capacity: int, warnings: list[str]) -> Writer:
    return Writer(sink, capacity, warnings.append, lambda _: None)


def test_everything_is_written_in_order_in_bounded_batches() -> None:
    sink, warnings = GatedSink(), list[str]()
    each = [Stopped(reason=str(number)) for number in range(3 * BATCH)]
    writing = writer(sink, 10_000, warnings)
    for event in each:
        writing.put(event)
    sink.gate.set()
    writing.close(60)
    assert sink.events == each
    assert max(map(len, sink.batches)) == BATCH
    assert sink.closed
    assert not warnings
    assert not writing.behind


def test_a_full_queue_is_said_once_and_nothing_more_is_taken() -> None:
    sink, warnings = GatedSink(), list[str]()
    writing = writer(sink, 3, warnings)
    each = [Stopped(reason=str(number)) for number in range(50)]
    for event in each:
        writing.put(event)
    sink.gate.set()
    writing.close(60)
    assert len(warnings) == 1
    assert "`kernevo sync`" in warnings[0]
    assert sink.events == each[:3]
    assert not sink.closed, "a run with a gap must not look finished"
    assert writing.behind


def test_a_failing_sink_is_said_once() -> None:
    sink, warnings = GatedSink(fail_after=0), list[str]()
    writing = writer(sink, 10, warnings)
    writing.put(Stopped(reason="first"))
    sink.gate.set()
    writing.close(60)
    writing.put(Stopped(reason="second"))
    writing.close(60)
    assert len(warnings) == 1
    assert warnings[0].endswith("it is gone")


def test_closing_waits_no_longer_than_told() -> None:
    sink, warnings = GatedSink(), list[str]()
    writing = writer(sink, 1, warnings)
    assert sink.reached.wait(60)
    writing.put(Stopped(reason="waits"))
    writing.close(0.01)
    assert warnings == [
        "MLflow is behind, the search goes on (`kernevo sync` makes up for it): "
        "events were left to write after 0.01 s"
    ]
    sink.gate.set()


def test_any_error_of_a_store_becomes_one_line_without_passwords() -> None:
    with pytest.raises(TrackingFailure) as raised, reaching("http://me:secret@host:5000"):
        raise ValueError("http://me:secret@host:5000/api\nand more")
    assert isinstance(raised.value, RunFailure)
    assert "secret" not in str(raised.value)
    assert "http://host:5000 must answer, got ValueError" in str(raised.value)
    assert "and more" not in str(raised.value)


@pytest.mark.parametrize("uri", ["http://me:secret@host", "postgresql://kernevo:secret@db/mlflow"])
def test_settings_hold_no_password(uri: str) -> None:
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_PASSWORD") as raised:
        TrackingSettings(uri=uri)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("uri", ["", "mlruns", "file:///mlruns", "/abs/mlruns"])
def test_a_plain_folder_is_no_store(uri: str) -> None:
    with pytest.raises(SettingsError, match="plain folder"):
        TrackingSettings(uri=uri)


@pytest.mark.parametrize(
    "limits", [{"queue": 0}, {"elites": 0}, {"close_seconds": 0.0}, {"close_seconds": float("nan")}]
)
def test_limits_must_be_limits(limits: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=f"tracking.{next(iter(limits))} must be"):
        TrackingSettings(**limits)  # type: ignore[arg-type]


def test_settings_go_before_the_environment_and_that_before_sqlite(tmp_path: Path) -> None:
    environ = {"MLFLOW_TRACKING_URI": "http://environment"}
    assert TrackingSettings(uri="http://settings").store(tmp_path, environ) == "http://settings"
    assert TrackingSettings().store(tmp_path, environ) == "http://environment"
    assert TrackingSettings().store(tmp_path, {}) == f"sqlite:///{tmp_path}/mlflow.db"
    relative = TrackingSettings(uri="sqlite:///some.db").store(tmp_path, {})
    assert relative == f"sqlite:///{Path.cwd() / 'some.db'}"


def test_an_experiment_says_measured_or_modelled_once() -> None:
    run = tracked_run(task="softmax", device="gfx942", source=Source.MODELLED)
    assert run.experiment == "softmax × gfx942 (modelled)"
    said = tracked_run(task="softmax", device="H200 (measured)", source=Source.MEASURED)
    assert said.experiment == "softmax × H200 (measured)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/home/me", "~"),
        ("see /home/me/k.py, /home/me.", "see ~/k.py, ~."),
        ("sqlite:////home/me/mlflow.db", "sqlite:///~/mlflow.db"),
        ('{"path": "/home/me"}', '{"path": "~"}'),
        (
            "/home/me.old /home/mean /home/me-too /x/home/me",
            "/home/me.old /home/mean /home/me-too /x/home/me",
        ),
        ("a hidden-away-key b", "a … b"),
        ("short", "short"),
    ],
)
def test_text_that_goes_out_says_neither_home_nor_secrets(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SOME_API_KEY", "hidden-away-key")
    monkeypatch.setenv("OTHER_API_KEY", "short")
    assert discreet(text) == said


def test_without_a_home_text_goes_out_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    assert discreet("/home/me and /") == "/home/me and /"


def test_one_module_imports_mlflow() -> None:
    sources = (Path(__file__).parents[2] / "experiments").rglob("*.py")
    importing = [
        path.name for path in sources if re.search(r"^\s*(from|import) mlflow", path.read_text(), re.M)
    ]
    assert importing == ["tracking_store.py"]


def test_an_exchange_that_is_not_of_our_operators_is_shown_as_it_is() -> None:
    call = Call(
        seq=3,
        at=5.0,
        number=7,
        attempt=1,
        request="c0ffee",
        asked=b"who? \xff",
        answered=b"[1]",
        spend=Spend(),
    )
    assert (asked_text(call), replied_text(call)) == ("who? �", "[1]")
    shown = trace(call, "run")
    assert (shown.began, shown.ended, shown.failure) == (5_000_000_000, 5_000_000_000, "")
    assert shown.attributes["mlflow.spanInputs"] == "who? �"
    assert shown.id == trace(call, "run").id != trace(call, "other").id


def test_a_name_that_no_model_may_have_is_changed() -> None:
    run = tracked_run(task="softmax", device="model:gfx942", source=Source.MODELLED)
    assert run.model == "softmax on model gfx942 (modelled)"
