"""The judge: a trusted process that owns a GPU, and the asynchronous side that speaks to it."""
