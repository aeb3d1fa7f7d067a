"""Pools of processes that end with the one that opened them, however that ends."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from fitness.sandbox.libc import die_with_parent


def spawned(processes: int) -> ProcessPoolExecutor:
    """Return a pool of so many fresh processes; to be opened and used in the main thread."""
    return ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=die_with_parent, initargs=(os.getpid(),)
    )
