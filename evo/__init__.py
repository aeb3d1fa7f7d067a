"""The search itself: types, ask/tell engine, loop and journal. No LLM, no GPU, no torch, no MLflow."""
