"""Tables, figures and the page of a study whose runs are on paper."""

from __future__ import annotations

import csv
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib.image
import numpy as np
import pyarrow.parquet
import pytest

from experiments.study.estimators.best_of import best_of_k
from experiments.study.figures import figures_of
from experiments.study.gathered import Gathered, searched, within
from experiments.study.grid import Cell, cells_of
from experiments.study.keep import keep
from experiments.study.measuring import Measured, measured
from experiments.study.scaling import families_of
from experiments.study.settings import parse_study
from experiments.study.svg import inline
from experiments.study.writing import write_results
from tests.experiments.study.paper_runs import on_paper

STUDY = """
question = "Wide or deep? <script>"
tasks = ["softmax", "flip"]
seeds = 3
[budget]
amount = 16
[[mixes]]
name = "1 × 16"
[[mixes]]
name = "2 × 8"
runs = 2
[[mixes]]
name = "4 × 4"
runs = 4
"""
SETTINGS = parse_study(STUDY, "a test's study", "paper")


@pytest.fixture(scope="module")
def cells() -> tuple[Cell, ...]:
    return cells_of(SETTINGS)


@pytest.fixture(scope="module")
def found(cells: tuple[Cell, ...]) -> Gathered:
    return on_paper(cells, SETTINGS.budget)


@pytest.fixture(scope="module")
def told(cells: tuple[Cell, ...], found: Gathered) -> Measured:
    return measured(SETTINGS, cells, found, {"softmax": 1, "flip": 2})


@pytest.fixture(scope="module")
def results(told: Measured, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_results(told, folder, folder / "results", "the plan", {})
    return folder / "results"


def test_every_cell_spends_the_same(found: Gathered) -> None:
    assert {len(cell.candidates) for cell in found.cells} == {16}


def test_nothing_beyond_a_share_counts(found: Gathered) -> None:
    whole = found.of("1 × 16")[0].traces[0]
    cut = within(whole, SETTINGS.budget, 4)
    assert [len(searched(trace)) for trace in (whole, cut)] == [16, 4]
    assert cut.steps == whole.steps[:5]


def test_a_mix_is_the_geometric_mean_of_its_cells(found: Gathered, told: Measured) -> None:
    for row in told.rows("mixes"):
        best = [cell.best() for cell in found.of(row["mix"])]
        assert row["best_speedup"] == pytest.approx(math.exp(np.log(best).mean()))
        assert row["best_speedup_low"] <= row["best_speedup"] <= row["best_speedup_high"]


def test_best_of_k_uses_every_run_that_is_deep_enough(cells: tuple[Cell, ...], found: Gathered) -> None:
    [family] = families_of(found, cells)
    assert family.depths == [4, 8, 16]
    shapes = [values.shape for depth in family.depths if (values := family.at(depth)) is not None]
    assert shapes == [(2, 12), (2, 6), (2, 3)]  # runs with a share of 4, 8 and 16 at least, of three seeds


def test_the_grid_is_estimated_from_them(told: Measured, cells: tuple[Cell, ...], found: Gathered) -> None:
    [family] = families_of(found, cells)
    for row in told.rows("width_depth"):
        values = family.at(row["depth"])
        assert values is not None
        assert math.log2(row["best_speedup"]) == pytest.approx(best_of_k(values, row["width"]).mean())
        assert row["in_budget"] == (row["width"] * row["depth"] == 16)


def test_pairs_are_of_the_same_tasks_and_seeds(found: Gathered, told: Measured) -> None:
    base = [cell.best() for cell in found.of("1 × 16")]
    for row in told.rows("pairs"):
        ratios = [cell.best() / one for cell, one in zip(found.of(row["mix"]), base, strict=True)]
        assert row["ratio"] == pytest.approx(math.exp(np.log(ratios).mean()))
        assert (row["better"], row["worse"]) == (sum(r > 1 for r in ratios), sum(r < 1 for r in ratios))


def test_csv_and_parquet_say_the_same(results: Path, told: Measured) -> None:
    assert {path.stem for path in (results / "data").iterdir()} == set(told.tables)
    for name, table in told.tables.items():
        rows = pyarrow.parquet.read_table(results / "data" / f"{name}.parquet").to_pylist()
        assert rows == [dict(row) for row in table.rows]
        with (results / "data" / f"{name}.csv").open() as file:
            read = list(csv.DictReader(file))
        assert [list(row) for row in read] == [list(row) for row in rows]
        numbers = [
            (a[k], b[k]) for a, b in zip(read, rows, strict=True) for k in b if isinstance(b[k], float)
        ]
        assert all(float(text) == pytest.approx(value) for text, value in numbers)


def test_figures_open(results: Path, told: Measured) -> None:
    names = {each.name for each in figures_of(told)}
    assert names == {"speedup", "accuracy", "frontier", "parallel", "width_depth", "pairs", "operators"}
    for name in names:
        root = ElementTree.parse(results / "figures" / f"{name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        picture = matplotlib.image.imread(results / "figures" / f"{name}.png")
        assert picture.shape[0] > 200
        assert picture.shape[1] > 800
        assert picture.std() > 0


def test_every_figure_says_where_its_numbers_are_from(told: Measured) -> None:
    for each in figures_of(told):
        words = [text.get_text() for text in each.draw().texts]
        assert any("modelled on model:gfx942" in word for word in words), each.name
        assert any("2 tasks × 3 seeds" in word for word in words), each.name


def test_the_same_study_gives_the_same_bytes(results: Path, told: Measured, tmp_path: Path) -> None:
    write_results(told, tmp_path, tmp_path / "results", "the plan", {})
    for path in results.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "results" / path.relative_to(results)).read_bytes(), path


def test_the_page_loads_nothing_and_escapes_what_it_is_told(results: Path) -> None:
    page = (results / "study.html").read_text()
    assert "Wide or deep? &lt;script&gt;" in page
    assert page.count("<svg") == 7
    body = page.partition("</style>")[2]
    assert not re.search(r"<image|<link|\bsrc=|\sstyle=|<style", body)
    assert not re.search(r'(?:href)="(?!#)', body)
    assert "All figures are modelled" in page
    assert "the plan" in page


def test_drawings_of_one_page_share_no_ids(results: Path) -> None:
    svg = (results / "figures" / "pairs.svg").read_text()
    one, other = (inline(svg, "a label", prefix) for prefix in ("one", "other"))
    ids = [set(re.findall(r'\bid="([^"]+)"', each)) for each in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for each, own in zip((one, other), ids, strict=True):
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', each)) <= own


def test_the_summary_holds_what_matters(results: Path) -> None:
    read = json.loads((results / "summary.json").read_text())
    assert (read["source"], read["device"], read["simulated"]) == ("modelled", "model:gfx942", False)
    assert [row["mix"] for row in read["mixes"]] == ["1 × 16", "2 × 8", "4 × 4"]
    assert read["verdict"]


def test_results_are_kept_whole_in_the_place_of_former_ones(results: Path, tmp_path: Path) -> None:
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "old.txt").write_text("former")
    kept = keep(results.parent, tmp_path)
    assert kept == tmp_path / "paper"
    assert {path.relative_to(kept) for path in kept.rglob("*")} == {
        path.relative_to(results) for path in results.rglob("*")
    }
    assert keep(results.parent, tmp_path, name="elsewhere").name == "elsewhere"
    with pytest.raises(ValueError, match="holds none"):
        keep(tmp_path, tmp_path)
