"""Run as a program: an engine on a machine that, as many containers do, forbids namespaces and mounts.

A system call filter stands in for such a container; argv[1] names what is forbidden. Prints what
a room found and what some jobs in it came to, as JSON.
"""

import asyncio
import ctypes
import json
import platform
import struct
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3])]

from rooms import LIMITS  # noqa: E402

from fitness.sandbox import Room, Sandbox  # noqa: E402
from fitness.sandbox.libc import prctl  # noqa: E402

UNSHARE, MOUNT, PIVOT_ROOT = {"x86_64": (272, 165, 155), "aarch64": (97, 40, 41)}[platform.machine()]
FORBIDDEN = {
    "no-namespaces": [UNSHARE, MOUNT, PIVOT_ROOT],
    "no-landlock": [UNSHARE, MOUNT, PIVOT_ROOT, 444],
    "no-view": [PIVOT_ROOT],
}
JOBS = {
    "good": "import os; open('x', 'w').write('y'); answer = repr((os.listdir('.'), os.getuid())).encode()",
    "passwd": "open('/etc/passwd')",
    "socket": "import socket; socket.socket()",
    "kill": "import os; os.kill(os.getppid(), 9)",
    "kill all": "import os; os.kill(-1, 9)",
    "supervisor": "import os; open(f'/proc/{os.getppid()}/mem', 'rb')",
    "spin": "while True: pass",
    "deep": "import os\nfor i in range(600): os.mkdir('d'); os.chdir('d')\nanswer = b'1'",
    "write": f"open({__file__!r}, 'a')",
}


def forbid(numbers: list[int]) -> None:
    """Make system calls fail with EPERM in this process and all that it starts."""
    code = [(0x20, 0, 0, 0)]
    for number in numbers:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050001)]
    code.append((0x06, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in code))
    header = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(code), ctypes.addressof(program)))
    prctl(38, 1)
    prctl(22, 2, ctypes.addressof(header))


async def main() -> None:
    forbid(FORBIDDEN[sys.argv[1]])
    async with Sandbox(Room(name="bare", handler="worst:run")) as sandbox:
        outcomes = {name: await sandbox.run(source.encode(), LIMITS) for name, source in JOBS.items()}
        held = sandbox.isolation
    report = {name: [o.ending, o.payload.decode(), o.detail] for name, o in outcomes.items()}
    report["isolation"] = [
        held.namespaces,
        held.landlock_abi,
        held.seccomp,
        held.scratch,
        held.view,
        held.problems,
    ]
    print(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main())
