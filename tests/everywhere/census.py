"""What the compiler made of the kernels: census.py PLATFORM LEVELS LIBRARY [--no-vectors]

In the library's symbols: no intrinsic is left as a function (then it is called, once per vector), and every kernel of
the sources is there, for all of the levels. With --no-vectors, no instruction uses a vector register: for targets
whose floats are soft. Reads symbols with nm and code with objdump, those of LLVM where they are there. The library has
to be machine code: link-time optimisation leaves another in an rlib, in which nothing could be found.
"""

import pathlib
import re
import shutil
import subprocess
import sys

platform, levels, library = sys.argv[1], [level for level in sys.argv[2].split(",") if level], sys.argv[3]
root = pathlib.Path(__file__).resolve().parents[2]
sysroot = pathlib.Path(subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip())


def tool(name):
    found = list(sysroot.glob(f"lib/rustlib/*/bin/llvm-{name}"))
    return str(found[0]) if found else shutil.which(f"llvm-{name}") or name


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and not done.stdout:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


symbols = output(tool("nm"), "-C", library)
# What asks the processor is called once. Other packages may call what they like: who calls is looked up where there is something.
called = {name for name in re.findall(r" [tTwW] (.*core_arch::.*)", symbols) if not re.search(r"xsave|cpuid", name)}
# A closure of a kernel's copy is a function without the copy's features, slow by ten times where it is not inlined.
closures = set()
callers = {}
function = ""
code = output(tool("objdump"), "-d", "-C", "--no-show-raw-insn", library)
instructions = len(re.findall(r"^\s+[0-9a-f]+:\s+[a-z]", code, flags=re.M))
if instructions < 10_000:
    sys.exit(f"{library}: {instructions} instructions; is that machine code? (build it with CARGO_PROFILE_RELEASE_LTO=off)")
for line in code.splitlines():
    if begins := re.match(r"[0-9a-f]+ <(.*)>:$", line):
        function = begins[1]
    elif target := re.search(r"\t(?:call|bl|jmp|b)\w*\s.*<(.*core_arch::[^>]*)", line):
        callers.setdefault(re.sub(r"::h[0-9a-f]{16}$", "", target[1]), set()).add(function)
    elif re.search(r"::(avx2|avx512|neon|simd128)(::h[0-9a-f]{16})?$", function) and (
        target := re.search(r"\t(?:call|bl)\w*\s.*<(.*(?:\{\{closure\}\}|call_mut).*)>", line)
    ):
        closures.add(f"a closure is called, not inlined: {target[1]}, by {function}")
wrong = [
    f"called, not inlined: {name}, by {', '.join(sorted(by)) or 'somebody'}"
    for name in sorted(called)
    if not (by := callers.get(re.sub(r"::h[0-9a-f]{16}$", "", name), set())) or any("subquad" in caller for caller in by)
]

wrong += sorted(closures)

# A kernel's copies are functions inside its entry, named after the level. Of two that are alike the compiler keeps one.
ALIKE = {"blas::vector::dot_entry": "cg::step::inner_entry"}
entries = set()
for source in (root / "src").rglob("*.rs"):
    if source.name in ("limits.rs", "tests.rs"):
        continue
    module = "::".join(source.relative_to(root / "src").with_suffix("").parts)
    text = re.sub(r"#\[cfg\(test\)\]\n(pub(\(.*?\))? )?mod tests.*", "", source.read_text(), flags=re.S)
    for block in re.findall(r"multiversion! \{(.*?)\n\}", text, flags=re.S):
        entries.update(f"{module}::{entry}" for entry in re.findall(r"fn (\w+)[<(]", block))
here = set(re.findall(r"subquad::([\w:]+)::(avx2|avx512|neon|simd128)\b", symbols))
kernels = {entry for entry, _ in here} & entries
if levels == ["neon"]:
    # A level that is part of the target is put into whoever calls it, where it is called once: that it runs, the counts of instructions tell.
    found = len(re.findall(r"\sfml[as]\s+v", code))
    if len(kernels) < 8 or found < 1000:
        wrong.append(f"only {len(kernels)} kernels have copies for neon, {found} multiply-adds of vectors: {sorted(kernels)}")
elif levels:
    wrong += [f"no copy of {entry} for {level}" for entry in sorted(entries) for level in levels if not {(entry, level), (ALIKE.get(entry), level)} & here]
elif here:
    wrong.append(f"levels where there should be none: {sorted(here)}")

if "--no-vectors" in sys.argv:
    vectors = re.findall(r"^\s+[0-9a-f]+:.*%[xyz]mm.*$", code, flags=re.M)
    wrong += [f"a vector register on a soft-float target: {line.strip()}" for line in vectors[:5]]

at = f"{len(kernels)} kernels at {', '.join(levels)}" if levels else "no levels"
print(f"census|{platform}|{instructions} instructions, {at}|{'FAIL' if wrong else 'no calls of intrinsics'}")
sys.exit("\n".join(wrong[:20]) or 0)
