"""Instructions that a case executes on aarch64, NEON against scalar code: count.py TEST-PROGRAM [CASE ..]

The program is what `cargo test --target aarch64-unknown-linux-musl --test kernels --no-run` made. qemu says every
instruction in its log; twice the repetitions less once them leaves the case alone. Scalar code is what the compiler makes of
the scalar level for aarch64: where it can, it vectorises that too.
"""

import os
import pathlib
import re
import subprocess
import sys

program, cases = sys.argv[1], sys.argv[2:]
if not cases:
    # All but the one that is no kernel.
    names = re.findall(r'^    \("(.*?)", (?:true|false), \w+\),$', (pathlib.Path(__file__).parent / "cases.rs").read_text(), flags=re.M)
    cases = [name for name in names if name != "random numbers"]


def count(case, level, times):
    environment = {**os.environ, "CASE": case, "LEVEL": level, "TIMES": str(times)}
    emulator = ["qemu-aarch64-static", "-singlestep", "-d", "exec,nochain", "-D", "/dev/fd/9"]
    command = [*emulator, program, "--ignored", "--exact", "everywhere::one_case", "--test-threads=1"]
    # The log goes through a pipe: it has a line for each instruction.
    read, write = os.pipe()
    os.dup2(write, 9)
    os.close(write)
    lines = subprocess.Popen(["grep", "-c", "^Trace"], stdin=read, stdout=subprocess.PIPE, text=True, close_fds=True)
    os.close(read)
    run = subprocess.run(command, env=environment, pass_fds=[9], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    os.close(9)
    out = lines.communicate()[0]
    if run.returncode or "1 passed" not in run.stdout:
        sys.exit(run.stdout[-2000:])
    return int(out)


wrong = []
for case in cases:
    counts = {level: count(case, level, 2) - count(case, level, 1) for level in ("neon", "scalar")}
    print(f"count|{case}|neon {counts['neon']}|scalar {counts['scalar']}|{counts['scalar'] / counts['neon']:.2f}", flush=True)
    if counts["neon"] >= counts["scalar"]:
        wrong.append(f"{case}: NEON takes no fewer instructions than scalar code")
sys.exit("\n".join(wrong) or 0)
