#!/usr/bin/env python3
"""Keeps a small corpus of every target beside the bodies, tests/bodies/seeds/NAME, on which they run as ordinary tests.

    fuzz/seeds.py                    from what fuzzing has left in fuzz/corpus: the shortest inputs that reach what all of it reaches
    fuzz/seeds.py --unpack           the other way: into fuzz/corpus, so that fuzzing starts from them
    fuzz/seeds.py ... cg relu        some targets

A file is one input after the other, each behind its length in two bytes, least first. The targets are compiled with cargo-fuzz
beforehand (fuzz/long.py does so), because which inputs are needed is what libFuzzer says.
"""
import argparse
import hashlib
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SEEDS = HERE.parent / "tests" / "bodies" / "seeds"
CORPUS = HERE / "corpus"
# A test runs all of them in a second or so, and a package holds them.
MOST_BYTES, LONGEST = 12_000, 600


def packed(inputs):
    return b"".join(len(one).to_bytes(2, "little") + one for one in inputs)


def unpacked(data):
    while data:
        end = 2 + int.from_bytes(data[:2], "little")
        yield data[2:end]
        data = data[end:]


def pack(name):
    programs = sorted((HERE / "target").glob(f"*/release/{name}"), key=lambda path: path.stat().st_mtime)
    if not programs:
        sys.exit(f"{name}: not compiled; `cargo +nightly fuzz build {name}` comes first")
    with tempfile.TemporaryDirectory() as few:
        command = [programs[-1], "-merge=1", f"-max_len={LONGEST}", few, CORPUS / name]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode:
            sys.exit(f"{name}: {done.stderr[-2000:]}")
        inputs = sorted((path.read_bytes() for path in pathlib.Path(few).iterdir()), key=lambda one: (len(one), one))
    kept, size = [], 0
    # Short and long ones alike: every so many of them, as many as there is room for.
    step = max(1, -(-len(packed(inputs)) // MOST_BYTES))
    for one in inputs[::step]:
        size += 2 + len(one)
        if size <= MOST_BYTES:
            kept.append(one)
    SEEDS.mkdir(exist_ok=True)
    whole = SEEDS / f"{name}.new"
    whole.write_bytes(packed(kept))
    whole.replace(SEEDS / name)
    print(f"{name}: {len(kept)} of {len(inputs)} inputs, {min(size, MOST_BYTES)} bytes")


def unpack(name):
    to = CORPUS / name
    to.mkdir(parents=True, exist_ok=True)
    for one in unpacked((SEEDS / name).read_bytes()):
        (to / hashlib.sha1(one).hexdigest()).write_bytes(one)


options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("targets", nargs="*")
options.add_argument("--unpack", action="store_true")
chosen = options.parse_args()
folder = SEEDS if chosen.unpack else CORPUS
for target in chosen.targets or sorted(path.name for path in folder.iterdir()):
    (unpack if chosen.unpack else pack)(target)
