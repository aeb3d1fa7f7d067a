"""Settings of a run: TOML composed of each component's own frozen settings; every key is known or refused."""

from __future__ import annotations

import difflib
import math
import re
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import tomli_w

from evo.errors import SettingsError
from evo.settings import MOST, SearchSettings
from experiments.reading import read_text
from experiments.tracking_settings import TrackingSettings
from fitness.settings import FitnessSettings
from operators.llm.environment import with_models
from operators.llm.settings import LlmSettings
from operators.settings import OperatorSettings

KINDS = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false",
    "object": "a table of settings", "array": "a list",
}  # fmt: skip
"""What msgspec calls a type, in words."""

REPAIRS = 8
"""Broken kernels that wait for repair on each island, where models are asked and nothing is said of it."""

OFFSPRING = 16
"""Proposals a generation, where models are asked and nothing is said of it: the slowest reply ends it."""

BUSY = 2
"""Proposals under way for each call that may be, where models are asked and nothing is said of it: some are
made without a model, and those keep no call waiting."""


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one run.

    Attributes:
        task: name of a task that comes with kernevo, or path of a task folder.
        warm_start: earlier runs to begin with the elites of, each a run folder, or one candidate of a run, as
            `FOLDER:NUMBER`.
        search: population, budget and seed.
        operators: which rewrites, and how often.
        fitness: target, device and limits of the stages.
        tracking: MLflow.
    """

    task: str
    warm_start: tuple[str, ...] = ()
    search: SearchSettings = SearchSettings()
    operators: OperatorSettings = OperatorSettings()
    fitness: FitnessSettings = FitnessSettings()
    tracking: TrackingSettings = TrackingSettings()

    def to_toml(self) -> str:
        """Return all settings, defaults too, as TOML that `read_settings` takes."""
        return tomli_w.dumps(without_none(msgspec.to_builtins(self)))


def read_settings(
    path: Path, changes: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> RunSettings:
    """Return the settings in a TOML file with `key=value` changes applied; a missing seed is drawn.

    Models that the settings do not name come from the environment, if one is given, as
    `operators.llm.environment` says. Where models are asked and nothing is said of it, `search.repairs` lets
    broken kernels wait for repair, `search.proposals_in_flight` keeps the calls busy, `search.offspring` has
    a generation long enough for that, and `search.patience` does not end.

    Raises:
        SettingsError: no such file, no TOML, an unknown key, or a value that does not fit.
    """
    return parse_settings(read_text(path, "config", SettingsError), f"config {path}", changes, environ)


def written_in(text: str, what: str, changes: Iterable[str], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what a TOML text says once it is changed, every key one of `kind`; messages call it `what`.

    Raises:
        SettingsError: no TOML, a key that is unknown, or a number that is not finite.
    """
    try:
        written = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{what} is not TOML: {error}") from None
    for change in changes:
        apply_change(change, written)
    refuse_unknown(written, kind, "")
    refuse_endless(written, "")
    return written


def parse_settings(
    text: str, what: str, changes: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> RunSettings:
    """Return the settings in a TOML text, as `read_settings`; messages call the text `what`.

    Raises:
        SettingsError: as `read_settings`.
    """
    written = written_in(text, what, changes, RunSettings)
    search = written.setdefault("search", {})
    if isinstance(search, dict):
        search.setdefault("seed", secrets.randbits(63))
    if environ is not None:
        _name_models(written, environ)
    try:
        settings = msgspec.convert(written, RunSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(in_words(str(error), written, what)) from None
    llm = settings.operators.llm
    if not llm.models:
        return settings
    busy = BUSY * llm.calls_in_flight
    fitting = {"repairs": REPAIRS, "proposals_in_flight": busy, "offspring": OFFSPRING, "patience": MOST}
    unsaid = {name: value for name, value in fitting.items() if name not in search}
    return msgspec.structs.replace(settings, search=msgspec.structs.replace(settings.search, **unsaid))


def flatten(settings: RunSettings) -> dict[str, str]:
    """Return every setting under its dotted key, as text."""
    flat: dict[str, str] = {}

    def add(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                add(f"{prefix}.{name}" if prefix else name, each)
        elif value is not None:
            flat[prefix] = str(value)

    add("", msgspec.to_builtins(settings))
    return flat


def apply_change(change: str, written: dict[str, Any]) -> None:
    """Put one `key.of.setting=value` into the settings; the value is TOML, or else a plain string."""
    name, equals, text = change.partition("=")
    *tables, last = names = name.strip().split(".")
    if not equals or not all(names):
        raise SettingsError(f"--set takes key=value, got {change!r}")
    try:
        parsed = tomllib.loads(f"value = {text}")
        value = parsed["value"] if len(parsed) == 1 else text
    except (tomllib.TOMLDecodeError, RecursionError):
        value = text
    place = written
    for table in tables:
        place = place.setdefault(table, {})
        if not isinstance(place, dict):
            raise SettingsError(f"--set {name}: {table!r} is not a table of settings")
    place[last] = value


def refuse_unknown(written: Mapping[str, Any], kind: type[msgspec.Struct], prefix: str) -> None:
    """Refuse the first key that is no setting, and name the nearest one that is."""
    hints = get_type_hints(kind)
    for name, value in written.items():
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1, cutoff=0.5)
            hint = f"did you mean {prefix}{near[0]!s}?" if near else f"known are {', '.join(sorted(hints))}"
            raise SettingsError(f"unknown setting {prefix}{name}; {hint}")
        inner = hints[name]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(value, dict):
            refuse_unknown(value, inner, f"{prefix}{name}.")
        [item, *_] = get_args(inner) or [None]
        if isinstance(item, type) and issubclass(item, msgspec.Struct) and isinstance(value, list):
            for place, each in enumerate(value):
                if isinstance(each, dict):
                    refuse_unknown(each, item, f"{prefix}{name}[{place}].")


def refuse_endless(written: Mapping[str, Any], prefix: str) -> None:
    """Refuse `inf` and `nan`, which TOML can write and no setting can hold."""
    for name, value in written.items():
        if isinstance(value, dict):
            refuse_endless(value, f"{prefix}{name}.")
        elif isinstance(value, float) and not math.isfinite(value):
            raise SettingsError(f"{prefix}{name} must be finite, got {value}")


def _name_models(written: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Put the environment's models into settings that name none; an empty list names none on purpose.

    Settings that do not fit are left as they are, for whoever converts them all.
    """
    operators = written.get("operators", {})
    llm = operators.get("llm", {}) if isinstance(operators, dict) else None
    if not isinstance(llm, dict):
        return
    try:
        named = with_models(msgspec.convert(llm, LlmSettings), environ)
    except msgspec.ValidationError:
        return
    if "models" not in llm and named.models:
        models = without_none(msgspec.to_builtins(named.models))
        written["operators"] = {**operators, "llm": {**llm, "models": models}}


def in_words(error: str, written: Mapping[str, Any], what: str) -> str:
    """Return what msgspec found wrong: the setting, what it must be, and what it is."""
    missing = re.fullmatch(r"Object missing required field `(\w+)`(?: - at `\$\.(.+)`)?", error)
    if missing:
        return f"{what} must set {'.'.join(part for part in missing.group(2, 1) if part)}"
    wrong = re.fullmatch(r"Expected `(\w+)(?: \| null)?`, got `.+` - at `\$\.([\w.]+)`", error)
    if not wrong:
        return f"{what}: {error}"
    kind, key = wrong.groups()
    value: Any = written
    for part in key.split("."):
        value = value[part]
    return f"{key} must be {KINDS.get(kind, kind)}, got {value!r}"


def without_none(value: Any) -> Any:
    """Return nested dictionaries without keys whose value is None, which TOML cannot write."""
    if isinstance(value, list | tuple):
        return [without_none(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: without_none(each) for name, each in value.items() if each is not None}
