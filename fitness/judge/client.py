"""The engine's side of the judge: one device, one request at a time, and a spare process."""

from __future__ import annotations

import asyncio

import msgspec

from evo.errors import JudgeError
from evo.evaluation import Stage, Status
from fitness.judge.messages import Ask, Began, Fingerprint, FromJudge, Judged, Ready, Refused, Unable
from fitness.judge.process import Died, JudgeProcess

PROGRAM = "fitness.judge.main:main"
LONGEST_QUEUE_SECONDS = 900.0
"""How long another run's judge may hold the device."""
SLOWEST_ANCHOR = 2.0
ATTEMPTS = 2


class Judge:
    """Asks a judge process; whatever becomes of that, every question has an answer.

    A candidate that hangs, breaks the device's context or kills the process loses its process: the spare,
    which has imported everything already, takes over, and the device is looked at before the next candidate.
    """

    def __init__(self, device: str, wall_seconds: float, program: str = PROGRAM) -> None:
        """Judge on a device (`cuda:0`); a candidate may hold it for so many seconds a stage."""
        self._device = device
        self._wall_seconds = wall_seconds
        self._program = program
        self._process: JudgeProcess | None = None
        self._spare: JudgeProcess | None = None
        self._ready: Ready | None = None
        self._turn = asyncio.Lock()
        self._numbers = 0
        self._closed = False

    @property
    def device(self) -> str:
        """The device's name, such as `cuda:0`."""
        return self._device

    @property
    def fingerprint(self) -> Fingerprint:
        """What the device is.

        Raises:
            JudgeError: the judge was not started.
        """
        if self._ready is None:
            raise JudgeError("the judge says what its device is once it was started")
        return self._ready.fingerprint

    @property
    def anchor_ms(self) -> float:
        """What a plain copy of fixed size took when the judge was started, in milliseconds."""
        return self._ready.anchor_ms if self._ready else 0.0

    async def start(self) -> Fingerprint:
        """Start the process and its spare; return the device.

        Raises:
            JudgeError: the device cannot be measured on.
        """
        async with self._turn:
            await self._living()
        return self.fingerprint

    async def ask(self, request: Ask) -> Judged | Refused:
        """Return the verdict on a candidate; the request's number is given here.

        A caller that is cancelled leaves the question under way, for the device is not to be lost over it.

        Raises:
            JudgeError: no process can judge, through no fault of the candidate.
        """
        asked = asyncio.ensure_future(self._asked(request))
        asked.add_done_callback(_looked_at)
        return await asyncio.shield(asked)

    async def renew(self) -> None:
        """Let the spare take over, so that what comes next is judged by a fresh process.

        Raises:
            JudgeError: it cannot.
        """
        async with self._turn:
            old, self._process = self._process, None
            if old is not None:
                old.kill()  # it goes while the spare takes the device
            try:
                await self._living()
            finally:
                if old is not None:
                    await old.end()

    async def close(self) -> None:
        """End both processes, also in the middle of a question."""
        self._closed = True
        if self._process is not None:
            self._process.kill()
        async with self._turn:
            await self._retire()
            spare, self._spare = self._spare, None
            if spare is not None:
                await spare.end()

    async def _asked(self, request: Ask) -> Judged | Refused:
        """Ask, again if the process died with no word: twice, and it is the candidate's fault."""
        async with self._turn:
            stage, how, numbered = Stage.CHECK, "", request
            for _ in range(ATTEMPTS):
                process = await self._living()
                self._numbers += 1
                numbered = msgspec.structs.replace(request, number=self._numbers)
                conversation = Conversation(process, numbered, self._wall_seconds)
                try:
                    reply = await conversation.verdict()
                except TimeoutError:
                    await self._retire()
                    return _lost(
                        numbered, Status.TIMEOUT, conversation.stage,
                        f"no verdict after {self._wall_seconds:g} s on the device: "
                        "the kernel hangs or is far too slow",
                    )  # fmt: skip
                except Died as error:
                    stage, how = conversation.stage, f"{error}{process.tail()}"
                    await self._retire()
                    continue
                if isinstance(reply, Unable):
                    raise JudgeError(f"the judge cannot judge on task {request.task.name}: {reply.reason}")
                if isinstance(reply, Refused) and reply.ends:
                    await self._retire()
                return reply
            how = f"the judge's process was lost over this kernel {ATTEMPTS} times: {how}"
            return _lost(numbered, Status.CRASHED, stage, how)

    async def _living(self) -> JudgeProcess:
        """Return a process that holds the device and is fit; the turn must be held.

        Raises:
            JudgeError: there is none.
        """
        if self._process is not None and self._process.is_alive:
            return self._process
        await self._retire()
        if self._closed:
            raise JudgeError("the judge was closed")
        for attempt in range(ATTEMPTS):
            process, self._spare = self._spare or JudgeProcess(self._program), None
            try:
                ready = await process.open(self._device)
                self._admit(ready)
            except JudgeError:
                await process.end()
                if attempt + 1 == ATTEMPTS:
                    raise
                continue
            except BaseException:
                await process.end()
                raise
            self._process = process
            self._spare = JudgeProcess(self._program)
            return process
        raise AssertionError("either a process was returned or an error raised")

    def _admit(self, ready: Ready) -> None:
        """Take note of a device that is ready; refuse one that is another, or far slower than at the start.

        Raises:
            JudgeError: it is.
        """
        first = self._ready or ready
        if ready.fingerprint != first.fingerprint:
            raise JudgeError(f"the device was {first.fingerprint.label}, is now {ready.fingerprint.label}")
        if ready.anchor_ms > SLOWEST_ANCHOR * first.anchor_ms:
            raise JudgeError(
                f"the device copies at less than 1/{SLOWEST_ANCHOR:g} of its first speed: "
                f"{ready.anchor_ms:.3f} ms, was {first.anchor_ms:.3f} ms"
            )
        self._ready = first

    async def _retire(self) -> None:
        """Let go of the process, dead or alive."""
        process, self._process = self._process, None
        if process is not None:
            await process.end()


def _lost(request: Ask, status: Status, stage: Stage, feedback: str) -> Refused:
    """Return the verdict on a candidate that a process was lost over."""
    total = sum(len(each.cases) for each in request.checks) if stage is Stage.CHECK else 0
    return Refused(number=request.number, status=status, stage=stage, feedback=feedback, checks_total=total)


def _looked_at(asked: asyncio.Future[Judged | Refused]) -> None:
    """Take note of an exception that a cancelled caller will not see."""
    if not asked.cancelled():
        asked.exception()


class Conversation:
    """One question to one process.

    Attributes:
        stage: how far the process has said it is.
    """

    def __init__(self, process: JudgeProcess, request: Ask, wall_seconds: float) -> None:
        self._process = process
        self._request = request
        self._wall_seconds = wall_seconds
        self.stage = Stage.CHECK

    async def verdict(self) -> Judged | Refused | Unable:
        """Return the answer; each stage may take so long, and waiting for the device longer.

        Raises:
            TimeoutError: it did not come.
            Died: the process ended or spoke out of turn.
            JudgeError: somebody else holds the device all the time.
        """
        async with asyncio.timeout(LONGEST_QUEUE_SECONDS):
            await self._process.say(self._request)
        try:
            async with asyncio.timeout(LONGEST_QUEUE_SECONDS):
                message = await self._process.hear()
        except TimeoutError:
            raise JudgeError(f"another judge has held the device for {LONGEST_QUEUE_SECONDS:g} s") from None
        while isinstance(message, Began):
            self._in_turn(message)
            self.stage = message.stage
            async with asyncio.timeout(self._wall_seconds):
                message = await self._process.hear()
        self._in_turn(message)
        assert isinstance(message, Judged | Refused | Unable)
        return message

    def _in_turn(self, message: FromJudge) -> None:
        """Refuse a message that is no answer to this question.

        Raises:
            Died: it is none.
        """
        if getattr(message, "number", None) != self._request.number:
            raise Died(f"it answered out of turn with {type(message).__name__}")
