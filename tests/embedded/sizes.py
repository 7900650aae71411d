"""Flash, stack and panics of the kernels on a Cortex-M4F.

sizes.py DIRECTORY CASES [--write]: reads the programs in the directory and what the program of the cases printed, and
compares them with sizes.txt: more than five per cent above it, or a kernel that can panic and could not, is an error.
With --write it writes sizes.txt instead.
"""

import pathlib
import re
import subprocess
import sys

directory, cases = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
table = pathlib.Path(__file__).with_name("sizes.txt")
KERNELS = {
    "fwht": "fwht, any length",
    "fwht_array": "fwht, 1024 numbers",
    "transform": "i16 rows, columns, orders",
    "srht": "SRHT sketch",
    "qr": "Householder QR",
    "solve": "Cholesky, triangular solve",
    "cg": "conjugate gradients",
    "least_squares": "least squares",
    "forward": "forward",
    "jvp": "JVP",
    "vjp": "VJP",
    "scan": "fused scan",
    "packed": "packed scan, query",
    "screened": "screened scan, query",
    "ball_tree": "ball tree, query",
    "max_tree": "max trees, query",
    "candidates": "candidates, drift and query",
    "sparse": "sparse products",
    "low_rank": "low-rank update",
    "gauss_newton": "Gauss-Newton step",
}


def flash(name):
    """Bytes that a program takes in flash: code, constants, initial values."""
    lines = subprocess.run(["size", "-A", directory / f"size_{name}"], check=True, capture_output=True, text=True).stdout
    return sum(int(line.split()[1]) for line in lines.splitlines() if re.match(r"\.(vector_table|text|rodata|data)\b", line))


def can_panic(name):
    """Whether anything of the panic machinery was linked."""
    symbols = subprocess.run(["nm", "-C", directory / f"size_{name}"], check=True, capture_output=True, text=True).stdout
    return any(word in symbols for word in ("core::panicking", "rust_begin_unwind", "unwrap_failed", "slice_index"))


found = {}
nothing = flash("nothing")
# Where the search finds no panic in a program that has one, or one in an empty program, it says nothing about the others.
if not can_panic("panic") or can_panic("nothing"):
    sys.exit("the search for panic code does not tell programs apart")
for name, title in KERNELS.items():
    found[f"flash|{title}"] = (flash(name) - nothing, "can panic" if can_panic(name) else "cannot panic")
for line in cases.read_text().splitlines():
    if line.startswith("case|"):
        _, title, _, verdict, stack = line.split("|")
        found[f"stack|{title}"] = (int(stack), verdict)
    if line.startswith("static|"):
        found["static|all buffers of the cases"] = (int(line.split("|")[1]), "")

text = (
    "Bytes on a Cortex-M4F (thumbv7em-none-eabihf, opt-level s, fat LTO): flash of a program with one kernel less that of\n"
    "an empty one, and whether panic code is linked; stack of each case, and whether its bits are the host's.\n"
    "256 bytes of stack are the least that is measured. Made by sizes.py.\n\n"
)
text += "".join(f"{name:<40}{size:>8}  {verdict}\n" for name, (size, verdict) in found.items())
if "--write" in sys.argv:
    table.write_text(text)
    print(text)
    sys.exit()

wanted = {line[:40].strip(): (int(line[40:48]), line[50:].strip()) for line in table.read_text().splitlines() if re.match(r"\w+\|", line)}
wrong = [f"{name}: in one table only" for name in wanted.keys() ^ found.keys()]
for name in wanted.keys() & found.keys():
    (old, before), (new, now) = wanted[name], found[name]
    if new > old * 1.05 + 8:
        wrong.append(f"{name}: {new} bytes, {100 * new / old - 100:.1f} % more than {old}")
    if before != now and before in ("cannot panic", "same bits"):
        wrong.append(f"{name}: {now}, was: {before}")
    if new < old * 0.95 - 8:
        print(f"{name}: {new} bytes, less than {old}: write the table anew")
print(text)
if wrong:
    sys.exit("\n".join(wrong))
