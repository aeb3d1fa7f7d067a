"""The HIP side of the driver, over a library of the same calls that is compiled here: no AMD GPU at hand."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fitness.judge.driver import loaded_library

LIBRARY = r"""
#include <stdio.h>
#include <string.h>
static int last = 0;
static int told(int code) { if (code) last = code; return code; }
int hipModuleLoadData(void **module, const void *image) {
    *module = (void *)0x11;
    return told(memcmp(image, "code", 4) ? 209 : 0);
}
int hipModuleGetFunction(void **function, void *module, const char *name) {
    *function = (void *)0x22;
    return told(module != (void *)0x11 || strcmp(name, "kernel") ? 500 : 0);
}
int hipModuleLaunchKernel(void *f, unsigned x, unsigned y, unsigned z, unsigned tx, unsigned ty, unsigned tz,
                          unsigned shared, void *stream, void **arguments, void **extra) {
    printf("%p grid %u %u %u threads %u %u %u shared %u stream %p extra %p\n", f, x, y, z, tx, ty, tz, shared,
           stream, (void *)extra);
    printf("pointer %llx number %d hidden %llx %llx\n", *(unsigned long long *)arguments[0],
           *(int *)arguments[1], *(unsigned long long *)arguments[2], *(unsigned long long *)arguments[3]);
    fflush(stdout);
    return told(tx > 1024 ? 1 : 0);
}
int hipModuleUnload(void *module) { return told(module != (void *)0x11); }
const char *hipGetErrorName(int code) { return code == 1 ? "hipErrorInvalidValue" : "hipErrorOther"; }
int hipGetLastError(void) { int code = last; last = 0; return code; }
int hipPeekAtLastError(void) { return last; }
"""
SCRIPT = """
import ctypes, sys
torch_has = ctypes.CDLL(sys.argv[1])  # as torch would have loaded it
from fitness.judge.arguments import packed_values
from fitness.judge.driver import Driver, DriverError, Packed
from fitness.plan import View

view = View(buffer=0, offset=0, shape=(1,), stride=(1,), dtype="float32")
packed = Packed(packed_values(("!tt.ptr<f32>", "i32"), (view, -7), lambda _: 0x7F0012345678))
driver = Driver("hip")
function = driver.load(b"code", "kernel", 65536)
function.launch((5, 6, 7), 4 * 64, 65536, 0xABC, packed)
for wrong in (
    lambda: driver.load(b"not ours", "kernel", 0),
    lambda: driver.load(b"code", "other", 0),
    lambda: function.launch((1, 1, 1), 2048, 0, 0, packed),
):
    try:
        wrong()
    except DriverError as error:
        print(error, "left behind", torch_has.hipPeekAtLastError(), flush=True)
function.close()
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_hip_is_called_as_its_header_says(tmp_path: Path) -> None:
    source, library = tmp_path / "hip.c", tmp_path / "torch lib" / "libamdhip64-5ac0ffee.so"
    source.write_text(LIBRARY)
    library.parent.mkdir()
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(library)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.splitlines()) == (0, [
        "0x22 grid 5 6 7 threads 256 1 1 shared 65536 stream 0xabc extra (nil)",
        "pointer 7f0012345678 number -7 hidden 0 0",
        "hipModuleLoadData: hipErrorOther (209) left behind 0",
        "hipModuleGetFunction: hipErrorOther (500) left behind 0",
        "0x22 grid 1 1 1 threads 2048 1 1 shared 0 stream (nil) extra (nil)",
        "pointer 7f0012345678 number -7 hidden 0 0",
        "hipModuleLaunchKernel: hipErrorInvalidValue (1) left behind 0",
    ]), done.stderr  # fmt: skip


def test_a_library_that_is_loaded_is_found_by_its_file() -> None:
    assert ctypes.CDLL("libc.so.6")
    assert Path(loaded_library("libc.so")).is_file()
    assert loaded_library("libthis.is.nowhere.so") == "libthis.is.nowhere.so"
