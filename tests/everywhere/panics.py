"""Which functions of a library can panic, and where: panics.py PLATFORM LIBRARY

The library has to be machine code built with the C face, whose functions make every kernel there is, in one codegen
unit, with line tables. None of its functions may call what panics. That the search finds panics is seen on `core`.
"""

import collections
import pathlib
import re
import subprocess
import sys

platform, library = sys.argv[1:3]
PANIC = re.compile(r"panick?ing|panic_|unwrap_failed|expect_failed|slice_index_fail|len_mismatch|rust_begin_unwind|something_went_wrong")
sysroot = pathlib.Path(subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip())
objdump = str(next(iter(sysroot.glob("lib/rustlib/*/bin/llvm-objdump")), "objdump"))


def search(library):
    """Functions of the library, and places in those that call what panics: the last line of ours, that of `core`, the callee."""
    code = subprocess.run([objdump, "-dr", "-l", "-C", "--no-show-raw-insn", library], check=True, capture_output=True, text=True).stdout
    places = collections.defaultdict(set)
    functions, function, ours, core = 0, "", "", ""
    for line in code.splitlines():
        if begins := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            function, ours, core = re.sub(r"::h[0-9a-f]{16}", "", begins[1]), "", ""
            functions += 1
        elif place := re.match(r"; (/\S*:\d+)$", line):
            if "/rustc/" in place[1] or "/registry/" in place[1]:
                core = re.sub(r".*/(library|src)/", "", place[1])
            else:
                ours, core = re.sub(r".*/src/", "src/", place[1]), ""
        elif (callee := re.search(r"\bR_\w+\s+(.*)", line)) and PANIC.search(callee[1]) and not PANIC.search(function):
            places[function].add((ours, core, re.sub(r"::h[0-9a-f]{16}", "", callee[1]).split("::")[-1]))
    return functions, places


core = next(sysroot.glob(f"lib/rustlib/{platform}/lib/libcore-*.rlib"))
if len(search(core)[1]) < 50:
    sys.exit(f"{core}: no panics found where there are many")
functions, places = search(library)
if functions < 500:
    sys.exit(f"{library}: {functions} functions; is that machine code? (build it with CARGO_PROFILE_RELEASE_LTO=off)")
for function in sorted(places):
    print(f"can panic: {function}")
    for place in sorted(places[function]):
        print("    ", *[part for part in place if part])
print(f"panics|{platform}|{functions} functions, of which {len(places)} can panic")
sys.exit(len(places) > 0)
