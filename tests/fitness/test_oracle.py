"""The oracle's handler, its input families, and tensors as data."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import torch

from evo.candidate import Kernel
from evo.task import Role, Task, Workload
from experiments.suites.loader import load_task, task_names
from fitness.cases import draw_cases
from fitness.families import FAMILIES, HOT, apply_family
from fitness.messages import Case, CompareRequest, DescribeRequest, Description, PrepareRequest
from fitness.oracle import handle
from fitness.plan import InputData, StridedData, TensorData
from fitness.reference import fault_in, inputs_of, module_of
from fitness.tensors import to_data, to_input, to_tensor

REFERENCE = """
import torch

def make_inputs(workload, generator, device):
    x = torch.randn(4, 6, generator=generator, device=device).to(getattr(torch, workload.dtype))
    index = torch.randint(4, (3,), generator=generator, device=device)
    return (x.t(), index, 2.5, None)

def reference(x, index, scale, nothing):
    return x[index] * scale, index + 1
"""


def task(reference: str = REFERENCE, **more: Any) -> Task:
    def workload(role: Role) -> Workload:
        return Workload(name=str(role), role=role, dtype="float32", sizes={}, bytes=1, flops=1)

    return Task(
        name="t", instruction="", entry_point="f", level=1,
        workloads=(workload(Role.CHECK), workload(Role.TIME)),
        reference=reference, seed=Kernel(""), **more,
    )  # fmt: skip


def ask(request: Any, kind: Any) -> Any:
    return msgspec.msgpack.decode(handle(msgspec.msgpack.encode(request)), type=kind)


def prepared(made: Task, *cases: Case) -> tuple[tuple[InputData, ...], ...]:
    answer: tuple[tuple[InputData, ...], ...] = ask(
        PrepareRequest(made, cases), tuple[tuple[InputData, ...], ...]
    )
    return answer


def faults(made: Task, case: Case, *outputs: TensorData) -> str | None:
    (fault,) = ask(CompareRequest(made, (case,), (outputs,)), tuple[str | None, ...])
    return fault  # type: ignore[no-any-return]


def case_of(made: Task, family: str = "normal", seed: int = 7) -> Case:
    return Case(made.workloads[0], family, seed)


def right_outputs(made: Task, case: Case) -> list[torch.Tensor]:
    x, index, scale, _ = prepared(made, case)[0]
    assert isinstance(x, StridedData)
    assert isinstance(index, StridedData)
    values = [to_tensor(TensorData(each.spec.shape, each.spec.dtype, each.data)) for each in (x, index)]
    return [values[0][values[1]] * scale, values[1] + 1]


def test_inputs_are_described_without_their_floating_values() -> None:
    described = ask(DescribeRequest(task(mutates=("index",))), tuple[Description, ...])
    assert [each.workload for each in described] == ["check", "time"]
    x, index, scale, nothing = described[0].specs
    assert (x.shape, x.stride, x.dtype) == ((6, 4), (1, 6), "float32")
    assert (index.shape, index.dtype, scale, nothing) == ((3,), "int64", 2.5, None)
    assert described[0].data[0] is None
    assert isinstance(described[0].data[1], StridedData)
    assert described[0].mutated == (1,)


def test_a_description_draws_no_floating_values() -> None:
    huge = REFERENCE.replace("torch.randn(4, 6,", "torch.randn(2**20, 2**30,")
    for each in ask(DescribeRequest(task(huge)), tuple[Description, ...]):
        assert each.specs[0].shape == (2**30, 2**20)
        assert isinstance(each.data[1], StridedData)
        index = to_tensor(TensorData((3,), "int64", each.data[1].data))
        assert all(0 <= number < 4 for number in index.tolist())


@pytest.mark.parametrize(
    "index",
    ["torch.randn(5, generator=generator).argsort()", "(4 * torch.rand(5)).long() + torch.arange(5)"],
)
def test_whole_numbers_that_come_from_floating_values_are_described(index: str) -> None:
    made = task(REFERENCE.replace("torch.randint(4, (3,), generator=generator, device=device)", index))
    for each in ask(DescribeRequest(made), tuple[Description, ...]):
        assert isinstance(each.data[1], StridedData)
        assert len(each.data[1].data) == 5 * 8
        assert len(set(to_tensor(TensorData((5,), "int64", each.data[1].data)).tolist())) > 1


def test_one_seed_makes_one_set_of_inputs() -> None:
    made = task()
    for family in FAMILIES:
        once, again, other = (prepared(made, case_of(made, family, seed)) for seed in (7, 7, 8))
        assert once == again
        assert once != other


def test_right_outputs_pass_and_wrong_ones_are_told() -> None:
    made = task()
    case = case_of(made)
    floats, integers = right_outputs(made, case)
    assert faults(made, case, to_data(floats), to_data(integers)) is None
    assert "output 1: 3 of 3 elements differ" in str(
        faults(made, case, to_data(floats), to_data(integers + 1))
    )
    assert "check/normal: output 0: " in str(faults(made, case, to_data(floats + 1), to_data(integers)))
    assert "2 outputs are expected, got 1" in str(faults(made, case, to_data(floats)))
    assert "2 outputs are expected, got 0" in str(faults(made, case))


@pytest.mark.parametrize(
    "forged",
    [
        TensorData((3, 4), "float32", b""),
        TensorData((-3, -4), "float32", bytes(48)),
        TensorData((2**62, 0), "float32", b""),
        TensorData((1,) * 100, "float32", bytes(4)),
        TensorData((3, 4), "quint8", bytes(12)),
        TensorData((3, 4), "nn", bytes(12)),
        TensorData((3, 4), "__class__", bytes(12)),
        TensorData((12,), "bits8", bytes(12)),
    ],
)
def test_forged_outputs_are_faults_not_crashes(forged: TensorData) -> None:
    made = task()
    case = case_of(made)
    assert faults(made, case, forged, to_data(right_outputs(made, case)[1])) is not None


@pytest.mark.parametrize("name", task_names())
def test_references_are_defined_on_all_families_of_their_task(name: str) -> None:
    made = load_task(name)
    reference = module_of(made.reference).reference
    for workload in made.having(Role.CHECK):
        for family in ("normal", *made.families):
            case = Case(workload, family, 11)
            returned = reference(*inputs_of(made, case))
            outputs = returned if isinstance(returned, tuple) else (returned,)
            assert faults(made, case, *map(to_data, outputs)) is None
            if family != "minus_infinity":
                assert all(bool(each.isfinite().all()) for each in outputs)


CONDITIONED = """
import torch

def make_inputs(workload, generator, device):
    x = torch.tensor([20.0 + 3.0 * torch.rand(1, generator=generator).item()])
    return (x, x * (1 + 2.0**-12), torch.ones(()))

def reference(x, y, one):
    return torch.exp(-x) * one, (x - y) * one
"""


@pytest.mark.parametrize(("units", "right"), [(1.0, True), (60.0, False)])
def test_few_elements_may_be_as_wrong_as_inputs_that_near_make_them(units: float, right: bool) -> None:
    made, case = task(CONDITIONED), Case(task().workloads[0], "normal", 7)
    x, y, _ = inputs_of(made, case)
    assert isinstance(x, torch.Tensor)
    assert isinstance(y, torch.Tensor)
    near = x.double() * (1 + units * torch.finfo(torch.float32).eps)
    for outputs in ((torch.exp(-near), x.double() - y.double()), (torch.exp(-x.double()), near - y)):
        assert (faults(made, case, *(to_data(each.float()) for each in outputs)) is None) is right


def test_a_family_changes_floating_tensors_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    x, index = torch.randn(32, 8, generator=generator), torch.arange(3)
    scalar, empty = torch.tensor(2.0), torch.empty(0, 4)
    for family in FAMILIES:
        changed = apply_family(family, (x, index, scalar, empty, 5, None), generator)
        assert changed[1] is index
        assert changed[2] is scalar
        assert changed[3] is empty
        assert changed[4:] == (5, None)
        assert isinstance(changed[0], torch.Tensor)
        assert (changed[0].shape, changed[0].dtype) == (x.shape, x.dtype)
        assert torch.equal(changed[0], x) is (family == "normal")


def test_families_are_what_their_names_say() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 32, generator=generator)

    def of(family: str) -> torch.Tensor:
        (changed,) = apply_family(family, (x,), generator)
        assert isinstance(changed, torch.Tensor)
        return changed

    assert not of("zeros").any()
    assert of("one_hot").sum(-1).tolist() == [HOT] * 64
    assert len(set(of("one_hot").argmax(-1).tolist())) > 8
    assert 0 < int(of("minus_infinity").isinf().sum()) < x.numel() // 4
    assert float(of("large").abs().max()) > 64
    assert float(of("small").abs().max()) < 0.01
    with pytest.raises(ValueError, match="'huge'"):
        of("huge")


@pytest.mark.parametrize("family", load_task("softmax").families)
def test_a_softmax_that_adds_up_in_order_passes_on_all_families(family: str) -> None:
    made = load_task("softmax")
    (wide, *_) = made.having(Role.TIME)
    case = Case(msgspec.structs.replace(wide, sizes={"rows": 8, "cols": 4096}), family, 1)
    (x,) = inputs_of(made, case)
    assert isinstance(x, torch.Tensor)
    powers = torch.exp(x - x.amax(dim=1, keepdim=True))
    lanes = torch.zeros(8, 8)
    for column in powers.reshape(8, 512, 8).unbind(1):
        lanes = lanes + column
    assert fault_in(made, case, (powers / lanes.sum(dim=1, keepdim=True),)) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e5m2, torch.bool, torch.int64])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3)])
def test_tensors_survive_as_data(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    value = torch.randint(0, 2, shape).to(dtype)
    data = to_data(value)
    back = to_tensor(data)
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    assert to_data(back) == data
    turned = value.transpose(0, -1) if value.dim() > 1 else value
    given = to_input(turned)
    assert isinstance(given, StridedData)
    assert given.spec.stride == tuple(turned.stride())
    assert given.data == to_data(turned.contiguous()).data


def test_cases_are_drawn_from_secret_task_and_plan() -> None:
    made = load_task("softmax")
    drawn = draw_cases(made, b"secret", "plan")
    assert drawn == draw_cases(made, b"secret", "plan")
    assert [case.family for case in drawn].count("normal") == len({case.workload.name for case in drawn}) == 4
    assert sorted(case.family for case in drawn if case.family != "normal") == sorted(made.families)
    seeds = [{case.seed for case in draw_cases(*each)} for each in (
        (made, b"secret", "plan"), (made, b"other", "plan"), (made, b"secret", "other"),
        (load_task("flip"), b"secret", "plan"),
    )]  # fmt: skip
    assert len(set.union(*seeds)) == sum(map(len, seeds))
    assert all(0 <= seed < 2**63 for each in seeds for seed in each)
