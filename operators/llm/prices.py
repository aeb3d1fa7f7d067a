"""Prices: what replies cost, and what they may cost at most."""

from __future__ import annotations

from collections.abc import Sequence

from evo.budget import Budget
from evo.candidate import Spend
from evo.errors import SettingsError
from operators.llm.completion import Completion, Usage
from operators.llm.contract import Request
from operators.llm.settings import ModelSettings

MILLION = 1_000_000
BYTES_A_TOKEN = 4
"""Bytes that tokens are taken to have where the endpoint does not count them: usual of English and code."""

ASCII_A_TOKEN = 2
"""ASCII characters that tokens have at least, on average over a prompt of English and code, whatever the
tokeniser; of other characters a byte may be a token."""

FRAME_TOKENS = 256
MESSAGE_TOKENS = 16
"""Tokens that templates put round a conversation and round each of its messages, at most."""


def spend_of(completion: Completion, request: Request, prices: ModelSettings | None) -> Spend:
    """Return what a completion cost: as the endpoint counts its tokens, or else as they are estimated."""
    usage = completion.usage or Usage()
    read, written = usage.prompt_tokens, usage.completion_tokens
    if read is None or read < 0:
        read = -(-_bytes(request) // BYTES_A_TOKEN)
    if written is None or written < 0:
        written = min(-(-len(completion.text.encode()) // BYTES_A_TOKEN), request.max_tokens)
    return priced(read, written, prices)


def is_counted(completion: Completion) -> bool:
    """Return whether the endpoint says how many tokens it read and wrote."""
    usage = completion.usage or Usage()
    return usage.prompt_tokens is not None and usage.completion_tokens is not None


def most_of(request: Request, prices: ModelSettings | None) -> Spend:
    """Return the most that one reply may cost."""
    text = "".join(message.content for message in request.messages)
    ascii_only = sum(character.isascii() for character in text)
    read = len(text.encode()) - ascii_only + -(-ascii_only // ASCII_A_TOKEN)
    read += FRAME_TOKENS + MESSAGE_TOKENS * len(request.messages)
    return priced(read, request.max_tokens, prices)


def priced(tokens_in: int, tokens_out: int, prices: ModelSettings | None) -> Spend:
    """Return the spend of so many tokens, in dollars too where prices are known."""
    dollars = 0.0
    if prices is not None and prices.dollars_in is not None and prices.dollars_out is not None:
        dollars = (tokens_in * prices.dollars_in + tokens_out * prices.dollars_out) / MILLION
    return Spend(tokens_in=tokens_in, tokens_out=tokens_out, dollars=dollars)


def unpriced(models: Sequence[ModelSettings]) -> tuple[str, ...]:
    """Return the names of the models whose prices are not known."""
    return tuple(model.name for model in models if model.dollars_in is None)


def check_priced(models: Sequence[ModelSettings], budget: Budget) -> None:
    """Check that a budget of dollars can be kept.

    Raises:
        SettingsError: a model whose replies would be counted as free.
    """
    unknown = unpriced(models)
    if budget.dollars is not None and unknown:
        raise SettingsError(
            f"search.budget.dollars needs dollars_in and dollars_out of every model in operators.llm.models, "
            f"got none for {', '.join(unknown)}"
        )


def _bytes(request: Request) -> int:
    return sum(len(message.content.encode()) for message in request.messages)
