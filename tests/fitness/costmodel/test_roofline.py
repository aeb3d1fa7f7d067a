"""Modelled latencies: sane in size, ranked as a GPU ranks them, never under the floor."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.evaluation import Bound, Resources
from fitness.costmodel.roofline import Estimate, Work, explain, latency_ms
from fitness.costmodel.trace import BufferTraffic, Dot, Fill, LaunchTrace
from fitness.costmodel.traffic import survival
from fitness.costmodel.units import matrix_rate
from fitness.devices import DEVICES, H200, MI300X, device_for
from fitness.plan import TensorSpec
from tests.fitness.costmodel.kernels import FLIP, MATMUL, SOFTMAX_ONE_PASS, SOFTMAX_THREE_PASS, fill
from tests.fitness.interpreter.asking import spec, trace
from tests.fitness.interpreter.room import Ask

Model = Callable[..., Estimate]


def taking(registers: int = 32, warps: int = 4, shared: int = 0, spills: int = 0) -> Resources:
    return Resources(
        kernel="k", registers=registers, spills=spills, shared_bytes=shared, warps=warps, occupancy=1.0
    )


@pytest.fixture
def model(room: Ask) -> Model:
    def estimate(
        source: str, entry: str, *inputs: TensorSpec, arch: str, stages: int = 1, resources: Resources
    ) -> Estimate:
        reply = trace(room, source, entry, *inputs, arch=arch)
        works = [Work(launch, resources, stages) for launch in reply.launches]
        return explain(works, device_for(arch), reply.fills)

    return estimate


@pytest.mark.parametrize("arch", list(DEVICES))
@pytest.mark.parametrize("block", [256, 1024])
def test_one_pass_beats_three(model: Model, arch: str, block: int) -> None:
    one = model(
        fill(SOFTMAX_ONE_PASS, WARPS=8), "softmax", spec(4096, 4000), arch=arch, resources=taking(38, 8, 32)
    )
    three = model(
        fill(SOFTMAX_THREE_PASS, WARPS=4, BLOCK=block), "softmax", spec(4096, 4000), arch=arch,
        resources=taking(24, 4, 16),
    )  # fmt: skip
    assert one.latency_ms < three.latency_ms


@pytest.mark.parametrize("arch", list(DEVICES))
def test_flip_gains_from_larger_blocks_until_memory_binds(model: Model, arch: str) -> None:
    tiny, small, large = (
        model(fill(FLIP, BLOCK=block, WARPS=4), "flip", spec(8192, 8192), arch=arch, resources=taking(20))
        for block in (64, 256, 1024)
    )
    assert tiny.latency_ms > small.latency_ms
    assert large.latency_ms < small.latency_ms * 1.01
    assert large.bound is Bound.MEMORY


def test_softmax_and_flip_are_as_fast_as_an_h200_measured(model: Model) -> None:
    softmax = model(
        fill(SOFTMAX_ONE_PASS, WARPS=4),
        "softmax",
        spec(16384, 4096),
        arch="sm_90",
        resources=taking(55, 4, 16),
    )
    assert 0.127 / 2 < softmax.latency_ms < 0.165 * 2
    flip = model(fill(FLIP, BLOCK=1024, WARPS=4), "flip", spec(8192, 8192), arch="sm_90", resources=taking())
    assert 0.129 / 2 < flip.latency_ms < 0.129 * 2


def test_a_product_gains_from_tiles_that_reuse_and_loses_from_spills(model: Model) -> None:
    square = spec(2048, 2048, dtype="float16")

    def product(rows: int, columns: int, resources: Resources) -> float:
        source = fill(MATMUL, TM=rows, TN=columns, TK=64, GROUP=8, WARPS=8, STAGES=3)
        return float(
            model(source, "matmul", square, square, arch="sm_90", stages=3, resources=resources).latency_ms
        )

    large = product(128, 256, taking(195, 8, 147_456))
    assert large < product(64, 64, taking(60, 8, 49_152)) < product(32, 32, taking(40, 8, 24_576))
    assert large < product(128, 256, taking(255, 4, 147_456, spills=184))


def launch(**changes: object) -> LaunchTrace:
    plain: dict[str, object] = {
        "kernel": "k", "grid": (1000, 1, 1), "sampled": 4, "loads": 1.0, "rounds": 1.0,
        "buffers": (
            BufferTraffic(buffer=0, size_bytes=16_000_000, load_bytes=16_000, load_sector_bytes=16_000,
                          load_distinct_bytes=16_000, unique_load_bytes=16_000_000),
        ),
    }  # fmt: skip
    return LaunchTrace(**(plain | changes))  # type: ignore[arg-type]


programs = st.integers(1, 1 << 16)
amounts = st.floats(0, 1e6)


@given(
    st.sampled_from(list(DEVICES.values())), programs, amounts, amounts, amounts, st.integers(1, 200),
    st.sampled_from([1, 2, 4, 8]),
)  # fmt: skip
def test_never_under_the_floor(device, count, loaded, stored, ops, registers, warps) -> None:  # type: ignore[no-untyped-def]
    buffer = BufferTraffic(
        buffer=0, size_bytes=int(count * (loaded + stored)) + 1, load_bytes=loaded, load_sector_bytes=loaded,
        load_distinct_bytes=loaded, store_bytes=stored, store_sector_bytes=stored,
        store_distinct_bytes=stored, unique_load_bytes=count * loaded, unique_store_bytes=count * stored,
    )  # fmt: skip
    product = Dot(m=64, n=64, k=64, dtype="float16", precision="ieee", count=ops / 1e5)
    work = Work(
        launch(grid=(count, 1, 1), buffers=(buffer,), dots=(product,), float_ops=ops),
        taking(registers, warps),
        2,
    )
    (part,) = explain([work], device).launches
    assert part.total_ms >= part.floor_ms
    reads_and_writes = count * (loaded + max(0.0, stored - device.last_level_bytes / count))
    assert part.total_ms >= 1e3 * reads_and_writes / device.memory_bytes_per_s * (1 - 1e-9)
    assert part.total_ms >= 1e3 * count * product.flops / device.matrix_flops["float16"] * (1 - 1e-9)


def test_a_second_launch_reads_what_the_first_left_in_the_cache() -> None:
    work = Work(launch(), taking())
    alone = latency_ms([work], MI300X)
    assert latency_ms([work, work], MI300X) < 2 * alone


def test_fills_cost_their_bytes_and_a_launch() -> None:
    work = Work(launch(), taking())
    filled = explain([work], H200, [Fill(before=0, size_bytes=4_220_000)])
    assert filled.fills_ms == pytest.approx(1e-3 + H200.launch_overhead_s * 1e3)
    assert filled.latency_ms == pytest.approx(latency_ms([work], H200) + filled.fills_ms)


def test_more_stages_hide_more_latency() -> None:
    product = Dot(m=64, n=64, k=32, dtype="float16", precision="ieee", count=64)
    trace_ = launch(rounds=64.0, dots=(product,), grid=(132, 1, 1))
    assert latency_ms([Work(trace_, taking(), 4)], H200) < latency_ms([Work(trace_, taking(), 1)], H200)


def test_registers_that_spill_cost_time() -> None:
    times = [latency_ms([Work(launch(), taking(255, 4, spills=spills))], H200) for spills in (0, 20, 200)]
    assert times == sorted(times)
    assert times[0] < times[-1]


def test_a_warp_alone_cannot_use_a_warpgroups_product() -> None:
    product = Dot(m=64, n=64, k=64, dtype="float16", precision="ieee", count=64)
    trace_ = launch(dots=(product,), grid=(1320, 1, 1), loads=2.0)
    one, four = (latency_ms([Work(trace_, taking(168, warps), 3)], H200) for warps in (1, 4))
    assert one > 1.3 * four


def test_one_program_more_than_the_device_holds_takes_another_wave() -> None:
    trace_ = launch(rounds=100.0, loads=100.0)
    full = 16 * H200.units

    def waves(count: int) -> float:
        return latency_ms([Work(msgspec.structs.replace(trace_, grid=(count, 1, 1)), taking())], H200)

    assert waves(full + 1) > 1.3 * waves(full)
    assert waves(2 * full) < 1.1 * waves(full + 1)


def test_a_last_wave_too_small_to_keep_the_memory_busy_takes_a_programs_time() -> None:
    trace_ = launch(rounds=4.0, loads=4.0)
    full = 16 * H200.units

    def memory(count: int) -> float:
        (part,) = explain(
            [Work(msgspec.structs.replace(trace_, grid=(count, 1, 1)), taking())], H200
        ).launches
        return part.memory_ms

    lost = memory(full + 100) - memory(full)
    assert lost > memory(2 * full) - memory(2 * full - 100)
    assert lost > 1e3 * H200.memory_latency_s


def test_what_does_not_fit_and_no_launch_are_refused() -> None:
    with pytest.raises(ValueError, match="must fit a unit of sm_90"):
        latency_ms([Work(launch(), taking(registers=256))], H200)
    with pytest.raises(ValueError, match="at least one launch"):
        latency_ms([], H200)


def test_survival_in_a_cache_falls_from_one_at_its_size_toward_zero() -> None:
    assert survival(100, 0) == survival(100, 100) == 1
    chances = [survival(100, touched) for touched in (110, 150, 200, 400)]
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] < 0.03


def test_matrix_rates_follow_precision_and_shape() -> None:
    def rate(dtype: str, precision: str = "ieee", m: int = 128, warps: int = 4) -> float:
        dot = Dot(m=m, n=64, k=32, dtype=dtype, precision=precision, count=1)
        return matrix_rate(dot, warps, H200) * H200.units

    assert rate("float16") == pytest.approx(9.9e14)
    assert rate("float32", "tf32") == pytest.approx(4.95e14)
    assert rate("float32", "tf32x3") == pytest.approx(4.95e14 / 3)
    assert rate("float32") == pytest.approx(2 * 128 * 132 * 1.98e9)
    assert rate("float16", m=32) < rate("float16", warps=2) * 1.01 < rate("float16")
