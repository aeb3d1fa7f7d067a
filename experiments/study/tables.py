"""Tables: rows of plain values under named columns, as CSV and as Parquet."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pyarrow.parquet

from experiments.study.estimators.estimate import Estimate

Row = dict[str, Any]
"""Values by column: text, numbers, truth, or None where there is none."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table.

    Attributes:
        name: of its files.
        title: what it shows, in a sentence.
        rows: all with the same columns.
    """

    name: str
    title: str
    rows: tuple[Row, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns; none where there are no rows."""
        return tuple(self.rows[0]) if self.rows else ()


def write_tables(tables: Sequence[Table], folder: Path) -> None:
    """Write each table as `NAME.csv` and `NAME.parquet`."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        with (folder / f"{table.name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, table.columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows({key: _plain(value) for key, value in row.items()} for row in table.rows)
        columns = {name: [row[name] for row in table.rows] for name in table.columns}
        written = pyarrow.table(columns).replace_schema_metadata({"title": table.title})
        pyarrow.parquet.write_table(written, folder / f"{table.name}.parquet")


def bounded(name: str, estimate: Estimate) -> Row:
    """Return an estimate as three columns; bounds that the data do not give are None."""
    told = math.isfinite(estimate.error)
    low, high = (estimate.low, estimate.high) if told else (None, None)
    return {name: estimate.value, f"{name}_low": low, f"{name}_high": high}


def as_speedup(estimate: Estimate) -> Estimate:
    """Return an estimate of log2 speed-ups as one of speed-ups, the error being the first-order one."""
    value = 2.0**estimate.value
    return Estimate(
        value=value, low=2.0**estimate.low, high=2.0**estimate.high,
        error=math.log(2) * value * estimate.error, level=estimate.level,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a value as CSV holds it: floats in as many digits as anybody needs."""
    return float(f"{value:.10g}") if isinstance(value, float) else value


def by_column(rows: Sequence[Mapping[str, Any]], column: str) -> dict[Any, list[Mapping[str, Any]]]:
    """Return rows grouped by what they have in a column, in the order in which that first comes."""
    groups: dict[Any, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups
