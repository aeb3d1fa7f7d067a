"""Namespaces of a job and the view: a root folder with the interpreter's libraries in it and nothing else.

unshare(2), user_namespaces(7), mount_namespaces(7), pid_namespaces(7), pivot_root(2).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from fitness.sandbox import libc

NOBODY = 65534
SCRATCH = "/scratch"
"""Where the scratch folder lies in the view."""
FLAGS = {
    "net": libc.CLONE_NEWNET,
    "ipc": libc.CLONE_NEWIPC,
    "uts": libc.CLONE_NEWUTS,
    "pid": libc.CLONE_NEWPID,
}
_SAFE = libc.MS_NOSUID | libc.MS_NODEV | libc.MS_NOEXEC
_VIEW_BYTES = 1 << 30
_SCRATCH_FILES = 4096


def become_nobody() -> None:
    """Give up the user for 65534, for good; needs CAP_SETUID."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def new_user_namespace(own_proc: int, more: int = 0) -> None:
    """Unshare the user namespace (and `more`) and map this process's user and group to themselves in it.

    `own_proc` is /proc/self, opened. Only a dumpable process owns its files there, so it is dumpable for
    the moment.
    """
    user, group = os.geteuid(), os.getegid()
    libc.unshare(libc.CLONE_NEWUSER | more)
    libc.prctl(libc.PR_SET_DUMPABLE, 1)
    _tell(own_proc, "setgroups", "deny")
    _tell(own_proc, "uid_map", f"{user} {user} 1")
    _tell(own_proc, "gid_map", f"{group} {group} 1")
    libc.prctl(libc.PR_SET_DUMPABLE, 0)


def offer_to_oom_killer(own_proc: int) -> None:
    """Be what the kernel kills first when memory runs out: proc_pid_oom_score_adj(5)."""
    libc.prctl(libc.PR_SET_DUMPABLE, 1)
    _tell(own_proc, "oom_score_adj", "1000")
    libc.prctl(libc.PR_SET_DUMPABLE, 0)


def open_own_proc() -> int:
    """Return a descriptor of /proc/self, good for as long as it is open whatever gets mounted over /proc."""
    return os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)


def _tell(folder: int, name: str, text: str) -> None:
    descriptor = os.open(name, os.O_WRONLY, dir_fd=folder)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def own_mounts() -> None:
    """Unshare the mount namespace; nothing that is mounted from here on is seen outside."""
    libc.unshare(libc.CLONE_NEWNS)
    libc.mount("none", "/", "", libc.MS_REC | libc.MS_PRIVATE)


def mount_scratch(target: str, size: int) -> None:
    """Mount an empty tmpfs of `size` bytes that only this user may enter."""
    libc.mount("scratch", target, "tmpfs", _SAFE, f"size={size},nr_inodes={_SCRATCH_FILES},mode=0700")


def mount_proc() -> None:
    """Mount this pid namespace's own /proc. Refused where the existing one is masked, as in many
    containers.
    """
    libc.mount("proc", "/proc", "proc", _SAFE)


def cover_proc() -> None:
    """Mount an empty folder over /proc."""
    libc.mount("none", "/proc", "tmpfs", _SAFE | libc.MS_RDONLY, "size=4096,mode=0555")


def start_view(folder: str) -> None:
    """Give this process, still with one thread, mounts of its own and an empty tmpfs on `folder`."""
    if os.geteuid() != 0:
        own_proc = open_own_proc()
        new_user_namespace(own_proc, libc.CLONE_NEWNS)
        os.close(own_proc)
        libc.mount("none", "/", "", libc.MS_REC | libc.MS_PRIVATE)
    else:
        own_mounts()
    libc.mount("view", folder, "tmpfs", libc.MS_NOSUID | libc.MS_NODEV, f"size={_VIEW_BYTES},mode=0755")


def enter_view(folder: str, paths: Iterable[str], devices: Iterable[str]) -> None:
    """Make `folder` the root: `paths` read-only at the places where they are, `devices`, /proc and an empty
    scratch.

    What else was in `folder` is removed.
    """
    for entry in Path(folder).iterdir():
        shutil.rmtree(entry)
    for path in paths:
        target = _bind(path, folder)
        libc.set_mount_flags(target, libc.MS_RDONLY | libc.MS_NOSUID | libc.MS_NODEV)
    for path in devices:
        _bind(path, folder)
    _bind("/proc", folder)
    Path(folder + SCRATCH).mkdir(mode=0o755)
    Path(folder).chmod(0o755)
    libc.pivot_root_here(folder)
    libc.set_mount_flags("/", libc.MS_RDONLY, recursive=False)


def _bind(path: str, folder: str) -> str:
    """Bind what `path` leads to at the same path under `folder`; return that."""
    target = Path(folder + path)
    if Path(path).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    libc.mount(os.path.realpath(path), str(target), "", libc.MS_BIND | libc.MS_REC)
    return str(target)
