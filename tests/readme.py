#!/usr/bin/env python3
"""Runs what README.md tells people to type: every block of `sh`, in order, in the root of a clean checkout.

    tests/readme.py [--only HEADING]

A block in another language after a line `<!-- file: NAME -->` is written to that file first. What the commands leave behind is removed.
A block is skipped, and that is said, where a tool is missing that it names in `<!-- needs: TOOL -->`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time

# What builds leave, of which nothing is removed.
BUILT = ["target/", "fuzz/corpus/", "fuzz/artifacts/", "__pycache__/"]
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def blocks(text):
    """(heading, language, file, needs, body) of every fenced block."""
    heading, file, needs, fence, body = "", None, None, None, []
    for line in text.splitlines():
        if fence is not None:
            if line.startswith("```"):
                yield heading, fence, file, needs, "\n".join(body) + "\n"
                fence, file, needs, body = None, None, None, []
            else:
                body.append(line)
        elif line.startswith("```"):
            fence = line[3:].split(",")[0].strip()
        elif line.startswith("#"):
            heading = line.lstrip("# ")
        elif found := re.fullmatch(r"<!-- (file|needs): (.+) -->", line):
            if found[1] == "file":
                file = found[2]
            else:
                needs = found[2]


def have(tool):
    if tool.startswith("+"):
        return subprocess.run(["rustc", tool, "--version"], capture_output=True).returncode == 0
    return shutil.which(tool) is not None


def untracked():
    out = subprocess.run(["git", "ls-files", "--others", *(f"--exclude={there}" for there in BUILT)], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(out.stdout.split("\n")) - {""}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="the blocks under this heading alone")
    args = parser.parse_args()
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        all_blocks = list(blocks(file.read()))
    before, run, skipped = untracked(), 0, []
    try:
        for heading, language, name, needs, body in all_blocks:
            if args.only and heading != args.only:
                continue
            if name:
                with open(os.path.join(ROOT, name), "w", encoding="utf-8") as file:
                    file.write(body)
            if language != "sh":
                continue
            missing = [tool for tool in (needs or "").split() if not have(tool)]
            if missing:
                skipped.append(f"{heading}: no {', '.join(missing)}")
                continue
            print(f"--- {heading}\n{body}", end="", flush=True)
            begun = time.monotonic()
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", body], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            tail = "\n".join(done.stdout.splitlines()[-4:])
            print(f"{tail}\n--- {time.monotonic() - begun:.0f} s\n", flush=True)
            if done.returncode != 0:
                print(done.stdout)
                sys.exit(f"README.md, {heading}: a command ended with {done.returncode}")
            run += 1
    finally:
        for path in untracked() - before:
            os.remove(os.path.join(ROOT, path))
    if run == 0:
        sys.exit("nothing was run")
    print(f"{run} blocks of README.md run")
    for what in skipped:
        print(f"skipped: README.md, {what}")


main()
