"""Runs a candidate in Triton's interpreter, inside the sandbox: to check it, and to count."""
