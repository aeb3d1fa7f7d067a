"""What the tests of operators that ask models share: a task, settled individuals, a chronicle, replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from evo.candidate import Candidate, Kernel, Proposal, Spend
from evo.evaluation import Bound, Evaluation, Resources, Source, Stage, Status
from evo.objective import Individual, assess
from evo.syntax import syntax_digest
from evo.task import Role, Task, Workload
from operators.llm.contract import Finish, Reply, Request
from operators.llm.settings import LlmSettings, ModelSettings
from operators.llm.target import Target
from tests.operators.kernels import ADD
from tests.standins import DEVICE, ENDS, measured

TARGET = Target(
    name="Sample GPU", arch="sample", backend="hip", warp_size=64, units=304, dies=8, warps_per_unit=32,
    threads_per_program=1024, registers_per_thread=512, registers_per_lane=512,
    shared_bytes_per_unit=65536, shared_bytes_per_program=65536, memory_bytes_per_s=5.3e12,
    copy_bytes_per_s=4.3e12, last_level_bytes=256 << 20, l2_bytes=4 << 20,
    matrix_flops={"float16": 1.307e15, "bfloat16": 1.307e15}, vector_flops=1.63e14,
)  # fmt: skip

REFERENCE = '''"""The sum of two tensors."""

import torch


def make_inputs(workload, generator, device):
    shape = (workload.sizes["n"],)
    return tuple(torch.randn(shape, generator=generator, device=device) for _ in range(2))


def reference(x, y):
    return x + y
'''


def _workload(name: str, role: Role, n: int) -> Workload:
    return Workload(name=name, role=role, dtype="float32", sizes={"n": n}, bytes=12 * n, flops=n)


TASK = Task(
    name="vector_add",
    instruction="Write add(x, y): the sum of two contiguous tensors of one shape.",
    entry_point="add",
    level=1,
    workloads=(
        _workload("ragged", Role.CHECK, 1031),
        _workload("long", Role.TIME, 1 << 26),
        _workload("short", Role.TIME, 1 << 16),
    ),
    reference=REFERENCE,
    seed=Kernel(ADD),
    families=("large", "minus_infinity"),
)

FEEDBACK = {
    Status.REJECTED: "line 22: torch.add is not allowed: everything else is computed in Triton",
    Status.UNSUPPORTED: "workload long: the entry point returns a tensor that it did not allocate",
    Status.CRASHED: "workload ragged: IndexError: tuple index out of range (at line 19: n = x.shape[1])",
    Status.TIMEOUT: "timeout: 10 s of CPU time were used",
    Status.COMPILE_ERROR: (
        "workload ragged: CompilationError: at 2:54:\n"
        "def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):\n"
        "    offsets = tl.program_id(0) * BLOCK + tl.arange(0, n)\n"
        "                                         ^\n"
        "arange's arguments must be of type tl.constexpr (line 8 of the module)"
    ),
    Status.OUT_OF_RESOURCES: "add_kernel: 131072 bytes of shared memory a program, Sample GPU has 65536",
    Status.WRONG: "ragged: output 0: RMS error is 0.31, at most 1.2e-07 is accepted; worst at (1030,)",
}
"""What the stages say of broken kernels, as they word it."""


def variant(block: int, note: str = "") -> str:
    """Return the seed with another tile; two of one tile differ in comments alone."""
    return ADD.replace("512", f"{block}") + (f"# {note}\n" if note else "")


def judged(status: Status, long: float, short: float, feedback: str) -> Evaluation:
    passed = status is Status.PASSED
    stage = Stage.TIME if passed else ENDS.get(status, Stage.PROPOSE)
    used = Resources(
        kernel="add_kernel", registers=48, spills=0, shared_bytes=1024, warps=4, occupancy=0.75,
        bound=Bound.MEMORY, tile=256,
    )  # fmt: skip
    return Evaluation(
        status=status, stage=stage, source=Source.MODELLED, device=DEVICE,
        feedback=feedback or FEEDBACK.get(status, ""),
        checks_passed=4 if passed else 2 if stage is Stage.CHECK else 0,
        checks_total=4 if stage >= Stage.CHECK else 0,
        measurements=(measured("long", long), measured("short", short)) if passed else (),
        resources=(used,) if passed else (),
        duplicate_of=0 if status is Status.DUPLICATE else None,
    )  # fmt: skip


SEED_EVALUATION = judged(Status.PASSED, 0.4, 0.02, "")


def settled(
    number: int,
    source: str | None,
    *,
    parents: Sequence[int] = (),
    operator: str = "tiles",
    summary: str = "tiles: BLOCK 512 to 1024",
    status: Status = Status.PASSED,
    long: float = 0.4,
    short: float = 0.02,
    feedback: str = "",
) -> Individual:
    """Return a settled individual; latencies count only if it passed."""
    proposal = Proposal(
        number=number, operator=operator, parents=tuple(parents), generation=min(number, 1), key=number
    )
    candidate = Candidate(
        proposal=proposal, kernel=None if source is None else Kernel(source), summary=summary,
        syntax=None if source is None else syntax_digest(source),
    )  # fmt: skip
    return assess(candidate, judged(status, long, short, feedback), SEED_EVALUATION)


SEED = settled(0, ADD, operator="seed", summary="the task's seed kernel")


class Archive:
    """A chronicle in memory; it keeps replies as the journal does, once by proposal, attempt and request."""

    def __init__(self, *individuals: Individual) -> None:
        self.individuals: Mapping[int, Individual] = {each.number: each for each in (SEED, *individuals)}
        self.kept: dict[tuple[int, int, bytes], bytes] = {}
        self.spent = Spend()
        self.seen: set[int] | None = None

    def settled(self, proposal: Proposal) -> Mapping[int, Individual]:
        known = self.individuals if self.seen is None else self.seen
        return {number: self.individuals[number] for number in known}

    def reply(self, proposal: Proposal, request: bytes) -> bytes | None:
        return self.kept.get((proposal.number, proposal.attempt, request))

    def keep(self, proposal: Proposal, request: bytes, reply: bytes, spend: Spend) -> None:
        place = (proposal.number, proposal.attempt, request)
        assert place not in self.kept, "a reply is kept once"
        self.kept[place] = reply
        self.spent += spend


class Scripted:
    """A provider within the process that says what a function of request, proposal and turn makes of them."""

    def __init__(self, say: Callable[[Request, Proposal, int], str | Reply]) -> None:
        self._say = say
        self.asked: list[tuple[Proposal, Request]] = []

    async def answer(self, request: Request, proposal: Proposal) -> Reply:
        self.asked.append((proposal, request))
        turn = (len(request.messages) - 2) // 2
        said = self._say(request, proposal, turn)
        return said if isinstance(said, Reply) else reply(said)

    def most(self, request: Request) -> Spend:
        return Spend(tokens_in=len(request.body), tokens_out=request.max_tokens)


def reply(text: str, finish: Finish = Finish.STOP, reason: str = "") -> Reply:
    return Reply(text=text, finish=finish, reason=reason, spend=Spend(tokens_in=10, tokens_out=len(text)))


def module_reply(source: str, strategy: str = "a larger tile") -> str:
    return f"Strategy: {strategy}\n\n```python\n{source}```\n"


def llm_settings(*models: str, **changes: object) -> LlmSettings:
    chosen = tuple(ModelSettings(name=name, max_tokens=4096) for name in models or ("one",))
    return LlmSettings(models=chosen, **changes)  # type: ignore[arg-type]
