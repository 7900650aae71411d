"""All comparisons with other people's code, by one command:

    python3 benches/peers/run.py [GROUP ..] [--quick]

makes a virtual environment from requirements.txt, builds this crate, its C face and the Rust peers, runs every group, and
writes tables to results/table.md and rows to results/rows.jsonl next to this file; groups that are not named keep theirs. One thread each, pinned to one core
where the system can do that. Groups: transforms ffht products pattern factors cg spatial halfspace network training tables;
--quick leaves out the last two, which take the longest.

FFHT=DIRECTORY (a checkout of github.com/FALCONN-LIB/FFHT) adds FFHT to the transforms, and the group `ffht`, every size of
both floats at every level with vectors: it is compiled with cc -O3 -march=native into a shared library. PEERS_WORK says where the environment and the programs lie instead of target/.
"""

import argparse
import datetime
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = Path(os.environ.get("PEERS_WORK", HERE / "target"))

RUST = ["transforms", "ffht", "products", "pattern", "factors", "cg", "spatial"]
PYTHON = ["transforms", "products", "factors", "halfspace", "network"]
# Who wrote and tuned what: printed above each table.
BIAS = {
    "transforms": "f32, in place, on zeros again and again, arrays where the allocator put them. Ours was tuned on this machine; "
    "`fwht` and the loop are what a compiler makes of the plain loop without options; FFHT, where it is given, is AVX code of 2015 compiled for this machine.",
    "ffht": "In place on zeros, arrays at a cache line, FFHT compiled with cc -O3 -march=native. Ours was tuned on this machine; FFHT chooses its blocks "
    "by tables that its authors measured on theirs, and knows 256-bit vectors only.",
    "products": "f32. Ours is made for the sizes of a training step and has no tuning for others; faer, gemm and matrixmultiply choose their own blocks, "
    "OpenBLAS is numpy's build; nalgebra's products are those of matrixmultiply, and it gets B in the order that it likes. All others row-major.",
    "pattern": "The same 0/1 matrix: ours counts bits and computes one triangle, theirs multiplies floats and computes both. No library offers the count, "
    "so that this says what the representation is worth, not who multiplies better; half of the ratio at most is the triangle.",
    "factors": "f32, one thread, with the copy of the matrix. Both sides in the order of storage that they like. R alone, without Q. faer's blocks by its own defaults.",
    "cg": "A hundred iterations; operator and preconditioner are the same compiled loops on both sides, so that the difference is the solver's vector work. "
    "faer's solver allows for several right-hand sides and other operators, and checks more; ours reports the same figures.",
    "spatial": "Points on the unit sphere, where a half-space is a ball, so that trees for points within a distance can answer. kiddo and rstar are made for "
    "two to four dimensions; eight and sixteen favour us. They answer one query at a time, and so do we here, but for the last row.",
    "halfspace": "512 queries of length 1 on Gaussian weights. numpy writes all products and looks at them again; FAISS also hands back the values, and sorts "
    "its answer by query. Ours was tuned on this machine for these sizes.",
    "network": "n = 1024, m = 16384, d = 64, one output. JAX compiles the dense products, and knows nothing of patterns that are known already: it computes them again "
    "within each product, which its user could avoid by hand with a mask (that saves up to half of its time where half of the neurons fire).",
    "training": "Ours: default settings, one run of the program, with reading the table. JAX: the best of 16 settings of Adam and of L-BFGS, chosen by this very error, "
    "without compilation and evaluation. scikit-learn: the best of a small grid, chosen by the test rows, which favours it; its time is that of the best setting alone.",
    "tables": "Scores, not times: mean and standard deviation over five random splits, a fifth of the rows to test. Everybody is tuned by 5-fold cross-validation on the "
    "training rows alone: ours by its damping (five values), the MLP by size and L2 penalty (eight settings, L-BFGS), the linear models by their penalty.",
}


def run(command, **options):
    print("+", *command, file=sys.stderr, flush=True)
    return subprocess.run(list(map(str, command)), check=True, **options)


def environment():
    """The virtual environment's Python, made anew where the requirements changed."""
    room, wanted = WORK / "venv", (HERE / "requirements.txt").read_text()
    python, made = room / "bin/python", room / "made-from.txt"
    if not made.exists() or made.read_text() != wanted:
        venv.create(room, with_pip=True, clear=True)
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", HERE / "requirements.txt"])
        made.write_text(wanted)
    return python


def ffht():
    source = os.environ.get("FFHT")
    if not source or not shutil.which("cc"):
        print("!!! FFHT is left out: FFHT=DIRECTORY names a checkout of it", file=sys.stderr)
        return None
    library = WORK / "libffht.so"
    files = [file for name in ["fht.c", "fast_copy.c"] if (file := Path(source) / name).exists()]
    run(["cc", "-O3", "-march=native", "-std=c99", "-shared", "-fPIC", "-o", library, *files, f"-I{source}"])
    return library


def pinned(command):
    return ["taskset", "-c", str(max(os.sched_getaffinity(0))), *command] if shutil.which("taskset") else command


def rows_of(command, settings):
    print("+", *command, file=sys.stderr, flush=True)
    out = subprocess.Popen(list(map(str, pinned(command))), stdout=subprocess.PIPE, text=True, env={**os.environ, **settings})
    for line in out.stdout:
        print(line, end="", flush=True)
        if line.startswith("{"):
            yield {**json.loads(line), "date": str(datetime.date.today()), "load": round(os.getloadavg()[0], 1)}
    if out.wait():
        FAILED.append(" ".join(map(str, command)))


# Commands that ended badly: what was measured before that is kept.
FAILED = []


def number(ms):
    return f"{ms / 1e3:.3g} s" if ms >= 1e3 else f"{ms:.3g} ms" if ms >= 0.1 else f"{1e3 * ms:.3g} µs"


def tables(rows):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    yield f"Made by run.py: {model}, one thread of {os.cpu_count()}; medians of alternating runs, processor time."
    yield "Ratio: their time over ours, the median over rounds; above 1, ours is the faster."
    for group in BIAS:
        here = [row for row in rows if row["group"] == group]
        if not here:
            continue
        loads = [row["load"] for row in here]
        when = f"Measured on {' and '.join(sorted({row['date'] for row in here}))}; {min(loads):.0f} to {max(loads):.0f} programs wanted this machine's processors meanwhile."
        if group == "tables":
            yield f"\n## {group}\n\n{BIAS[group]}\n\n{when}\n\n| table | method | percent |\n|---|---|---|"
            for row in here:
                note = f" ({row['note']})" if "note" in row else ""
                yield f"| {row['case']} | {row['method']}{note} | {row['mean']:.2f} +- {row['deviation']:.2f} |"
            continue
        yield f"\n## {group}\n\n{BIAS[group]}\n\n{when}\n\n| case | ours | peer | theirs | ratio |\n|---|---|---|---|---|"
        for row in rows:
            if row["group"] == group:
                note = f" ({row['note']})" if "note" in row else ""
                yield f"| {row['case']}{note} | {number(row['ours_ms'])} | {row['peer']} | {number(row['peer_ms'])} | {row['ratio']:.2f} |"
        if group == "ffht":
            yield ""
            for of in sorted({row["case"].rpartition(",")[0] for row in here}):
                ratios = [row["ratio"] for row in here if row["case"].startswith(of)]
                mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
                yield f"{of}: geometric mean {mean:.2f}, worst {min(ratios):.2f}."


def main():
    options = argparse.ArgumentParser()
    options.add_argument("groups", nargs="*")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--out", type=Path, default=HERE / "results")
    options = options.parse_args()
    wanted = options.groups or [*RUST, "halfspace", "network"] + ([] if options.quick else ["training", "tables"])
    unknown = set(wanted) - {*RUST, *PYTHON, "training", "tables"}
    if unknown:
        sys.exit(f"no such group: {', '.join(sorted(unknown))}")
    WORK.mkdir(parents=True, exist_ok=True)
    if set(wanted) & {"training", "tables"}:
        run(["cargo", "build", "--quiet", "--release", "--features", "cli"], cwd=ROOT)
    settings = {"SUBQUAD": str(ROOT / "target/release/subquad")}
    rows = []
    if set(wanted) & set(RUST):
        run(["cargo", "build", "--quiet", "--release", "--target-dir", WORK], cwd=HERE)
        library = ffht() if {"transforms", "ffht"} & set(wanted) else None
        more = {"FFHT_LIBRARY": str(library)} if library else {}
        rows += rows_of([WORK / "release/subquad-peers", *[name for name in RUST if name in wanted]], more)
    if set(wanted) & {*PYTHON, "training", "tables"}:
        python = environment()
        # The library for C, from a directory of its own: the same file as the Rust library's would be another kind.
        command = ["cargo", "rustc", "--quiet", "--release", "--lib", "--features", "capi", "--crate-type", "cdylib", "--target-dir", WORK / "capi"]
        run(command, cwd=ROOT)
        settings["LIBSUBQUAD"] = str(WORK / "capi/release/libsubquad.so")
        groups = [name for name in PYTHON if name in wanted]
        if groups:
            rows += rows_of([python, HERE / "arrays.py", *groups], settings)
        if "training" in wanted:
            rows += rows_of([python, HERE / "training.py"], settings)
        if "tables" in wanted:
            rows += rows_of([python, HERE / "tables.py", settings["SUBQUAD"]], settings)
    options.out.mkdir(exist_ok=True)
    # Groups that were not measured keep their rows.
    kept = options.out / "rows.jsonl"
    before = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    made = {row["group"] for row in rows}
    rows = [row for row in before if row["group"] not in made] + rows
    kept.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = "\n".join(tables(rows)) + "\n"
    (options.out / "table.md").write_text(table)
    print(table)
    if FAILED:
        sys.exit("failed: " + "; ".join(FAILED))


main()
