"""Which version of a package is installed, whatever its distribution is called."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, packages_distributions, version


def version_of(package: str) -> str | None:
    """Return the version of a package by the name that it is imported by, or None if there is none.

    Builds for other vendors come as distributions of other names: torch's for ROCm brings `triton-rocm`.
    """
    try:
        return version(package)
    except PackageNotFoundError:
        found = packages_distributions().get(package, ())
    return next((version(name) for name in found), None)


def own_version() -> str:
    """Return kernevo's version, or that it is a checkout that is run as it lies there."""
    return version_of("kernevo") or "not installed"
