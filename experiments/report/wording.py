"""Figures in words, the same everywhere in a report."""

from __future__ import annotations

from evo.evaluation import Source, Stage, Status

STATUS_WORDS = {
    Status.PASSED: "passed",
    Status.DUPLICATE: "repeated another",
    Status.MALFORMED: "no kernel",
    Status.REJECTED: "rejected",
    Status.UNSUPPORTED: "unsupported",
    Status.CRASHED: "crashed",
    Status.TIMEOUT: "timed out",
    Status.COMPILE_ERROR: "did not compile",
    Status.OUT_OF_RESOURCES: "out of resources",
    Status.WRONG: "wrong",
}
"""How a candidate ended, in the order in which the cascade finds it; those that passed come first."""

STAGE_WORDS = {
    Stage.PROPOSE: "proposal",
    Stage.POLICY: "policy",
    Stage.CAPTURE: "capture",
    Stage.COMPILE: "compile",
    Stage.CHECK: "check",
    Stage.TIME: "time",
}


def times(ratio: float) -> str:
    """Return a speed-up in three digits, such as `2.09×`; of one near nothing or beyond all, the power."""
    digits = f"{ratio:,.0f}" if 100 <= ratio < 1e6 else f"{ratio:.3g}"
    return f"{f'{ratio:.2f}' if 0.1 <= ratio < 100 else digits}×"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where there is not exactly one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """Return a time in its two largest units, such as `3 min 12 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    parts: list[str] = []
    for size, unit in units:
        amount, whole = divmod(whole, size)
        if amount or (parts and len(parts) < 2):
            parts.append(f"{amount} {unit}" if amount else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts))


def milliseconds(latency_ms: float) -> str:
    """Return a latency in milliseconds, in four digits."""
    return f"{latency_ms:.4f}" if 0.01 <= latency_ms < 10 else f"{latency_ms:.4g}"


def dollars(amount: float) -> str:
    """Return an amount of dollars: cents from one cent on, four digits below."""
    return f"${amount:,.2f}" if amount >= 0.01 or not amount else f"${amount:.4g}"


def marked(source: Source) -> str:
    """Return what must stand beside every figure of this source."""
    return "modelled" if source is Source.MODELLED else "measured"
