"""Instructions that each kernel executes, by valgrind's callgrind, against those that are on record.

    python3 benches/counts.py            # prints what changed; fails where a count rose by more than 5 %
    python3 benches/counts.py --write    # puts the counts down in counts.txt

Counts do not depend on the machine's speed or load, nor on its instruction sets: the levels are named. Another compiler
may move them; then write them anew, and say so. Without valgrind this is skipped, aloud. Half a minute, once it is built.
"""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE / "counts.txt"
GATE = 0.05


def build():
    command = ["cargo", "bench", "--quiet", "--bench", "counts", "--no-run", "--message-format=json"]
    # In one unit: how the crate is cut into several changes with any line of it, and what is inlined with that.
    environment = {**os.environ, "CARGO_PROFILE_BENCH_CODEGEN_UNITS": "1"}
    out = subprocess.run(command, cwd=HERE.parent, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in out.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "counts":
            return message["executable"]
    sys.exit("cargo did not say where the program is")


def count(program):
    with tempfile.TemporaryDirectory() as room:
        # Only what runs inside `counted_case` is counted; each call of it leaves a file of its own.
        name = "counts::counted_case"
        options = ["--tool=callgrind", f"--toggle-collect={name}", f"--dump-after={name}", f"--callgrind-out-file={room}/out"]
        environment = {**os.environ, "SUBQUAD_COUNTED": "1"}
        run = subprocess.run(["valgrind", *options, program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if run.returncode:
            sys.exit(run.stdout[-2000:] + run.stderr[-2000:])
        names = re.findall(r"^case\|(.*)$", run.stdout, re.M)
        parts = sorted(glob.glob(f"{room}/out.*"), key=lambda path: int(path.rsplit(".", 1)[1]))
        counts = [int(re.search(r"^totals: (\d+)", Path(part).read_text(), re.M)[1]) for part in parts]
    if len(names) != len(counts) or not names:
        sys.exit(f"{len(names)} cases and {len(counts)} counts")
    return dict(zip(names, counts))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--check", action="store_true", help="the default")
    options.add_argument("--write", action="store_true", help="put the counts down")
    options = options.parse_args()
    if not shutil.which("valgrind"):
        print("!!! skipped: instruction counts: valgrind is not installed")
        return
    counts = count(build())
    compiler = subprocess.run(["rustc", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    if options.write:
        lines = [f"# Instructions of each case: python3 benches/counts.py --write; {compiler}", "# case|level|instructions"]
        RECORD.write_text("\n".join(lines + [f"{name}|{number}" for name, number in counts.items()]) + "\n")
        print(f"{len(counts)} counts written")
        return
    text = RECORD.read_text()
    record = {name: int(number) for name, number in (line.rsplit("|", 1) for line in text.splitlines() if not line.startswith("#"))}
    if compiler not in text:
        print(f"note: the record is of another compiler than {compiler}")
    worse = []
    for name, number in counts.items():
        before = record.get(name)
        if before is None:
            worse.append(f"{name}: {number}, not on record")
        elif abs(number - before) > 0.001 * before:
            line = f"{name}: {before} -> {number}, {100 * (number / before - 1):+.1f} %"
            print(line)
            if number > (1 + GATE) * before:
                worse.append(line)
    # What the processor does not have, valgrind's neither: AVX2 on an old machine, or on another architecture.
    levels = {name.rsplit("|", 1)[1] for name in counts}
    worse += [f"{name}: on record, but not run" for name in record if name not in counts and name.rsplit("|", 1)[1] in levels]
    skipped = sorted({name.rsplit("|", 1)[1] for name in record} - levels)
    if skipped:
        print(f"!!! skipped: instruction counts at {', '.join(skipped)}: not a level of this machine under valgrind")
    if worse:
        sys.exit("instruction counts, more than 5 % above benches/counts.txt (write them anew if that is meant):\n" + "\n".join(worse))
    print(f"{len(counts)} instruction counts within 5 % of the record")


main()
