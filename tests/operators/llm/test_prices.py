"""What replies cost, and that none costs more than was held back for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Spend
from evo.errors import SettingsError
from operators.llm.client import Client
from operators.llm.completion import Choice, Completion, Said, Usage
from operators.llm.contract import Message
from operators.llm.endpoint import PAID_TRIES, EndpointProvider
from operators.llm.prices import check_priced, most_of, priced, spend_of, unpriced
from operators.llm.settings import ModelSettings
from tests.operators.llm.asking import KEY, MODEL, request, settings

UNPRICED = ModelSettings(name="local")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def test_dollars_come_from_the_prices_of_a_million_tokens():
    assert priced(1_000_000, 500_000, MODEL) == Spend(tokens_in=1_000_000, tokens_out=500_000, dollars=6.0)
    assert priced(10, 20, UNPRICED) == priced(10, 20, None) == Spend(tokens_in=10, tokens_out=20)


def untold(text: str) -> Completion:
    return Completion(choices=(Choice(message=Said(content=text)),), usage=Usage())


@given(prompt=texts, reply=texts, limit=st.integers(1, 100))
def test_estimates_are_within_what_is_held_back(prompt, reply, limit):
    asked = request(prompt, max_tokens=limit)
    spend, most = spend_of(untold(reply), asked, MODEL), most_of(asked, MODEL)
    assert spend.tokens_in <= most.tokens_in
    assert spend.tokens_out <= most.tokens_out == limit
    assert spend.dollars <= most.dollars


@given(prompts=st.lists(texts, min_size=1, max_size=4))
def test_a_token_is_held_back_for_two_characters_of_ascii_and_for_every_other_byte(prompts):
    asked = request(messages=tuple(Message("user", text) for text in prompts))
    text = "".join(prompts)
    plain = "".join(character for character in text if character.isascii())
    least = len(text.encode()) - len(plain) + len(plain) / 2 + 4 * len(prompts)
    assert least <= most_of(asked, MODEL).tokens_in <= least + 20 * len(prompts) + 256


def test_all_tries_of_a_call_are_held_back():
    provider = EndpointProvider(Client("http://127.0.0.1:9/v1", KEY), settings())
    once = most_of(request(), MODEL)
    assert provider.most(request()) == once * PAID_TRIES
    assert provider.most(request(model="unheard of")).dollars == 0
    assert provider.most(request(model="unheard of")).tokens == once.tokens * PAID_TRIES


def test_a_budget_of_dollars_needs_every_price():
    check_priced([MODEL], Budget(dollars=1.0))
    check_priced([MODEL, UNPRICED], Budget(tokens=1_000))
    assert unpriced([MODEL, UNPRICED]) == ("local",)
    with pytest.raises(SettingsError, match=r"search\.budget\.dollars needs .* got none for local$"):
        check_priced([MODEL, UNPRICED], Budget(dollars=1.0))
