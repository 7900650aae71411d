#!/usr/bin/env python3
"""Every public item of the library has an example: rustdoc counts, this fails where one is missing.

    tests/doc_examples.py

Asks the nightly toolchain, because stable rustdoc does not count; without one it says so and passes. First rustdoc's own
figures (--show-coverage), which know only items that are public where they stand; then every type, trait, function and
method that can be reached from outside, re-exports followed, from rustdoc's JSON. Whether the examples hold is for
`cargo test --doc`.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What has no example of its own: rooms (their items have), and numbers that are names.
KINDS = {"struct", "enum", "union", "trait", "function", "macro", "type_alias"}


def rustdoc(*arguments):
    """Standard output of rustdoc with these arguments."""
    command = ["cargo", "+nightly", "rustdoc", "--quiet", "--lib", "--all-features", "--", "-Zunstable-options", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "RUSTDOCFLAGS": ""}, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"rustdoc|failed|{' '.join(command)}")
    return done.stdout


def counted():
    """Prints rustdoc's figures; whether nothing is missing."""
    files = json.loads(rustdoc("--show-coverage", "--output-format", "json"))
    short = {name: figures for name, figures in files.items() if figures["with_examples"] < figures["total_examples"]}
    for name, figures in sorted(short.items()):
        print(f"examples|{name}|{figures['with_examples']} of {figures['total_examples']}")
    total, found = (sum(figures[key] for figures in files.values()) for key in ("total_examples", "with_examples"))
    print(f"examples|counted by rustdoc|{found} of {total}")
    return not short and total > 0


def has_example(docs):
    """Whether a text has a block of code: Rust, or C for the C face."""
    inside = False
    for fence in re.findall(r"^\s*```(.*)$", docs or "", re.MULTILINE):
        words = set(re.split(r"[,\s]+", fence.strip())) - {""}
        if not inside and words <= {"rust", "no_run", "should_panic", "compile_fail", "c"}:
            return True
        inside = not inside
    return False


def reachable():
    """Prints what can be reached from outside and has no example; whether there is nothing."""
    rustdoc("--output-format", "json")
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT, stdout=subprocess.PIPE, check=True
        ).stdout
    )
    crate = json.loads((Path(metadata["target_directory"]) / "doc" / "subquad.json").read_text())
    index, seen, missing = crate["index"], set(), []

    def visit(ident, path):
        item = index.get(str(ident))
        if item is None or item["id"] in seen:
            return
        (kind,) = item["inner"]
        inner = item["inner"][kind]
        if kind == "use":
            if inner["is_glob"] and (target := index.get(str(inner["id"]))):
                for child in target["inner"].get("module", {}).get("items", []):
                    visit(child, path)
            elif inner["id"] is not None:
                visit(inner["id"], path)
            return
        if item["visibility"] not in ("public", "default"):
            return
        seen.add(item["id"])
        name = f"{path}::{item['name']}" if path else item["name"]
        if kind in KINDS and not has_example(item["docs"]):
            place = item["span"]
            missing.append(f"examples|{place['filename']}:{place['begin'][0]}|{name}: none" if place else f"examples||{name}: none")
        if kind in ("module", "trait"):
            for child in inner["items"]:
                visit(child, name)
        for block in inner["impls"] if kind in ("struct", "enum", "union") else []:
            implementation = index.get(str(block))
            if implementation and implementation["inner"]["impl"]["trait"] is None:
                for child in implementation["inner"]["impl"]["items"]:
                    if (method := index.get(str(child))) and method["visibility"] == "public":
                        visit(child, name)

    visit(crate["root"], "")
    total = sum(1 for ident in seen if next(iter(index[str(ident)]["inner"])) in KINDS)
    print("\n".join([*sorted(missing), f"examples|types, traits, functions, methods|{total - len(missing)} of {total}"]))
    return not missing and total > 0


def main():
    probe = subprocess.run(["cargo", "+nightly", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if probe.returncode != 0:
        print("examples|skipped: no nightly toolchain (rustup toolchain install nightly)")
        return 0
    both = [counted(), reachable()]
    return 0 if all(both) else 1


if __name__ == "__main__":
    sys.exit(main())
