"""What this machine allows, found by trying it in children that are thrown away; each job then gets all of
it.
"""

from __future__ import annotations

import functools
import os
import stat
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import msgspec

from fitness.sandbox import libc, namespaces, seccomp
from fitness.sandbox.landlock import landlock_abi

DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


class Plan(msgspec.Struct, frozen=True):
    """How a job is isolated. A step of the plan that fails in a job is a fault of the room."""

    libraries: tuple[str, ...]
    drop: bool
    user: bool
    namespaces: tuple[str, ...]
    mounts: bool
    proc: bool
    landlock_abi: int
    seccomp: bool
    folder: str
    may_spawn: bool
    view: bool
    problems: tuple[str, ...]

    @property
    def scratch(self) -> str:
        """Where jobs find their scratch folder (without own mounts: the folder in which each makes one)."""
        return namespaces.SCRATCH if self.view else self.folder


Step = Callable[[], object]


def attempt(step: Step) -> str | None:
    """Run `step` in a forked child; return the OSError that it met as text, None if it met none."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            step()
        except OSError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return said or (None if status == 0 else f"the attempt ended with status {status}")


class _Trials:
    """Steps that were tried, and what went wrong."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def work(self, what: str, *steps: Step) -> bool:
        """Try steps in order; note the error of the first that fails."""
        error = attempt(lambda: [step() for step in steps])
        if error is not None:
            self.problems.append(f"{what}: {error}")
        return error is None


def make_plan(folder: str, may_spawn: bool) -> Plan:
    """Find out what works here. Call it before threads start, and before the view is entered."""
    trials = _Trials()
    drop = os.geteuid() == 0 and trials.work("user nobody", _nobody_can_read, namespaces.become_nobody)
    begin: list[Step] = [namespaces.become_nobody] if drop else []
    user = trials.work("user namespace", *begin, _new_user_namespace)
    enter: list[Step] = [*begin, _new_user_namespace] if user else []
    names = tuple(
        name
        for name, flag in namespaces.FLAGS.items()
        if trials.work(f"{name} namespace", *enter, functools.partial(libc.unshare, flag))
    )
    mount_scratch = functools.partial(namespaces.mount_scratch, "/", 1 << 20)
    mounts = trials.work("mount namespace", *enter, namespaces.own_mounts, mount_scratch)
    view = mounts and trials.work("view", functools.partial(_try_view, folder))
    drop = drop and (view or _give_to_nobody(folder, trials))
    return Plan(
        libraries=library_paths(),
        drop=drop,
        user=user,
        namespaces=names,
        mounts=mounts,
        proc=mounts and "pid" in names and trials.work("own /proc", *enter, mount_proc_in_child),
        landlock_abi=landlock_abi(),
        seccomp=trials.work("seccomp", _no_new_privs, functools.partial(seccomp.install, may_spawn)),
        folder=folder,
        may_spawn=may_spawn,
        view=view,
        problems=(
            *trials.problems,
            *(() if landlock_abi() else ("Landlock: this kernel has it not in force",)),
        ),
    )


def _give_to_nobody(folder: str, trials: _Trials) -> bool:
    """Without a view, scratch folders lie in `folder`: nobody must own it, and reach it and the libraries."""
    os.chown(folder, namespaces.NOBODY, namespaces.NOBODY)
    reach = [functools.partial(os.scandir, path) for path in (folder, str(Path(os.__file__).parent))]
    if trials.work("user nobody", namespaces.become_nobody, *reach):
        return True
    os.chown(folder, os.geteuid(), os.getegid())
    return False


def library_paths() -> tuple[str, ...]:
    """Return the folders and files that a running interpreter opens lazily: standard library, site-packages
    and shared libraries. None lies inside another.
    """
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    wanted = {sysconfig.get_path(name) for name in names}
    wanted |= {entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")}
    wanted |= {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"}
    library = sysconfig.get_config_var("LIBDIR")
    wanted |= {library} if library else set()
    wanted |= {os.path.realpath(path) for path in wanted}
    kept: list[str] = []
    for path in sorted(path for path in wanted if Path(path).exists()):
        if not any(Path(path).is_relative_to(other) for other in kept):
            kept.append(path)
    return tuple(kept)


def _nobody_can_read() -> None:
    path = os.__file__
    if not Path(path).stat().st_mode & stat.S_IROTH:
        raise PermissionError(f"others may not read the standard library, such as {path}")


def _new_user_namespace() -> None:
    namespaces.new_user_namespace(namespaces.open_own_proc())


def _try_view(folder: str) -> None:
    namespaces.start_view(folder)
    libc.set_mount_flags(folder, libc.MS_RDONLY)
    libc.pivot_root_here(folder)


def _no_new_privs() -> None:
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)


def mount_proc_in_child() -> None:
    """Give this process's children a process namespace; have a first one mount its /proc.

    Raises:
        OSError: this machine does not allow it.
    """
    libc.unshare(libc.CLONE_NEWPID)
    namespaces.own_mounts()
    error = attempt(namespaces.mount_proc)
    if error is not None:
        raise OSError(error)
