"""What the compiler made of the kernels: census.py PLATFORM LEVELS LIBRARY [--no-vectors]

In the library's symbols: no intrinsic is left as a function (then it is called, once per vector), and every kernel that
is there for one of the levels is there for all. With --no-vectors, no instruction uses a vector register: for targets
whose floats are soft. Reads symbols with nm and code with objdump, those of LLVM where they are there.
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
for line in output(tool("objdump"), "-d", "-C", "--no-show-raw-insn", library).splitlines():
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

# A kernel's copies are functions inside its entry, named after the level.
entries = set()
for source in (root / "src").rglob("*.rs"):
    text = re.sub(r"#\[cfg\(test\)\]\nmod tests.*", "", source.read_text(), flags=re.S)
    for block in re.findall(r"multiversion! \{(.*?)\n\}", text, flags=re.S):
        entries.update(re.findall(r"fn (\w+)[<(]", block))
here = {(entry, level) for entry, level in re.findall(r"::(\w+)::(avx2|avx512|neon|simd128)\b", symbols)}
kernels = {entry for entry, _ in here} & entries
for entry in sorted(kernels):
    wrong += [f"no copy of {entry} for {level}" for level in levels if (entry, level) not in here]
# Where a level is part of the target itself, the compiler may put small copies into their callers.
least = 8 if levels == ["neon"] else 15
if levels and len(kernels) < least:
    wrong.append(f"only {len(kernels)} kernels have copies for levels: {sorted(kernels)}")
if not levels and here:
    wrong.append(f"levels where there should be none: {sorted(here)}")

if "--no-vectors" in sys.argv:
    code = output(tool("objdump"), "-d", "--no-show-raw-insn", library)
    vectors = re.findall(r"^\s+[0-9a-f]+:.*%[xyz]mm.*$", code, flags=re.M)
    wrong += [f"a vector register on a soft-float target: {line.strip()}" for line in vectors[:5]]

print(f"census|{platform}|{len(kernels)} kernels at {', '.join(levels) or 'scalar'}|{'FAIL' if wrong else 'no calls of intrinsics'}")
sys.exit("\n".join(wrong[:20]) or 0)
