"""The command's front door: checks where the packages come from, then runs the command line."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from pathlib import Path

FLOORS = ("evo", "operators", "fitness")


def main() -> None:
    """Run `kernevo`; refuse if another distribution's package of the same name would be imported."""
    _open_standard_streams()
    misplaced = misplaced_floors()
    if misplaced:
        print(f"kernevo: {misplaced}", file=sys.stderr)
        sys.exit(2)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a kernel's text in an encoding that lacks it
    try:
        from experiments.cli import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        print("kernevo: interrupted", file=sys.stderr)
        sys.exit(130)


def _open_standard_streams() -> None:
    """Open what this process was started without, or the run's own files would take its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def misplaced_floors() -> str | None:
    """Return why `evo`, `operators` and `fitness` are not the ones beside this package, or None."""
    home = Path(__file__).resolve().parent.parent
    for name in FLOORS:
        spec = importlib.util.find_spec(name)
        origins = ([spec.origin] if spec.origin else spec.submodule_search_locations) if spec else None
        found = Path(next(iter(origins or ["nowhere"])))
        if found.resolve() != home / name / "__init__.py":
            found = found.parent if found.name == "__init__.py" else found
            return (
                f"package {name!r} must come from {home}, found {found}; is another distribution installed?"
            )
    return None


if __name__ == "__main__":
    main()
