#!/usr/bin/env python3
"""Mutates the kernels as cargo-mutants does, in one compilation, and tells which mutants no test notices.

    tests/mutants/run.py                        room after room; hours. Ended at any moment, it goes on where it was
    tests/mutants/run.py src/cg                 those of files whose path begins so, as one room
    tests/mutants/run.py --sample 100           that many of each room, drawn at random
    tests/mutants/run.py --report               only tells what is known

cargo-mutants compiles the tests anew for every mutant, which takes minutes here. So its list is woven into one copy of the
sources for each room (src/main.rs beside this file), where the environment's MUTANT chooses one. What does not compile is left out and
counted. Each test then runs once to see which mutants it meets; a mutant is given to the tests that meet it, those first
that found others of its function, until one fails or takes too long.

After tests were added, --earlier names the folder of a run before: a mutant that was killed there counts as killed if its line is
as it was and the test is still there, and only the others are tried again.

Survivors that change no answer stand in explained.txt, with the reason. What is known is of the commit that is printed: remove
the folder of a room (target/work) to begin anew.

Left out: src/train, src/bin and src/capi (no kernels), src/limits.rs (measures the machine). Code of other processors is not
met here, and counted as such.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ROOMS = ["src/cg", "src/low_rank.rs", "src/sketch", "src/sparse", "src/blas", "src/relu", "src/halfspace", "src/hadamard", "src/hadamard/parallel.rs", "src/simd", ""]
NOT_KERNELS = ("src/train", "src/bin", "src/capi", "src/limits.rs")
# Without the trainers, which the kernels' tests do not need.
CORE = ["--no-default-features", "--features", "cpuid"]
# What wants another feature, and has a program of its own.
FEATURES = {"src/hadamard/parallel.rs": ["--no-default-features", "--features", "cpuid,parallel"]}
PROGRAMS = {"src/hadamard/parallel.rs": ["--test", "hadamard_parallel"]}
# Vector operations: with a switch in each of them, optimised codelets would take hours to compile.
PLAIN = {"src/simd"}
# Rooms that nearly all tests run through: their own tests have to do, and of plain code, which is slow, not the longest of them.
TESTS = {"src/simd": "simd::|bf16::|fuzz_bodies::|halfspace::scan|hadamard::(?!.*beyond_the_caches)", "src/hadamard": "hadamard"}
SWITCH = """
// The switch of the mutants.
extern crate std as mutants_std;
mod mutants_switch {
    use super::mutants_std as std;
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
    const MANY: usize = %d;
    const ACTIVE: u8 = 1;
    const ASKED: u8 = 2;
    const MET: u8 = 3;
    static FLAGS: [AtomicU8; MANY] = [const { AtomicU8::new(0) }; MANY];
    pub const fn never(_: usize) -> bool {
        false
    }
    #[inline(always)]
    pub fn now(k: usize) -> bool {
        FLAGS[k].load(Relaxed) != 0 && met(k)
    }
    #[cold]
    #[inline(never)]
    fn met(k: usize) -> bool {
        if FLAGS[k].load(Relaxed) == ASKED {
            FLAGS[k].store(MET, Relaxed);
        }
        FLAGS[k].load(Relaxed) == ACTIVE
    }
    unsafe extern "C" {
        fn atexit(call: extern "C" fn()) -> i32;
    }
    extern "C" fn begin() {
        if let Some(k) = std::env::var("MUTANT").ok().and_then(|k| k.parse::<usize>().ok()) {
            FLAGS[k].store(ACTIVE, Relaxed);
        }
        if std::env::var_os("MUTANTS_MET").is_some() {
            FLAGS.iter().for_each(|flag| flag.store(ASKED, Relaxed));
            unsafe { atexit(end) };
        }
    }
    extern "C" fn end() {
        let met: std::string::String = (0..MANY).filter(|&k| FLAGS[k].load(Relaxed) == MET).map(|k| std::format!("{k}\\n")).collect();
        let _ = std::fs::write(std::env::var_os("MUTANTS_MET").unwrap(), met);
    }
    #[used]
    #[unsafe(link_section = ".init_array")]
    static BEGIN: extern "C" fn() = begin;
}
#[inline(always)]
#[allow(unused)]
pub(crate) const fn mutant(k: usize) -> bool {
    core::intrinsics::const_eval_select((k,), mutants_switch::never, mutants_switch::now)
}
"""


def inside(file, room):
    """Whether a file belongs to a room: to the one that names it most closely."""
    others = tuple(other for other in ROOMS if other != room and other.startswith(room)) + NOT_KERNELS
    return file.startswith(room) and not file.startswith(others)


def folder_of(rooms):
    return "+".join(room.replace("/", "-") or "rest" for room in rooms)


class Mutants:
    def __init__(self, rooms, work):
        # Rooms that are taken together have no tests of their own.
        self.rooms, self.room = rooms, rooms[0] if len(rooms) == 1 else None
        self.work = work / folder_of(rooms)
        work = self.work
        self.copy = work / "copy"
        work.mkdir(parents=True, exist_ok=True)
        self.env = dict(os.environ, RUSTC_BOOTSTRAP="subquad", RUSTFLAGS="--cap-lints allow -A warnings", CARGO_INCREMENTAL="0",
                        CARGO_PROFILE_DEV_DEBUG="0", CARGO_PROFILE_TEST_DEBUG="0", CARGO_TARGET_DIR=str(work.parent / "target"))
        self.state = work / "woven.json"

    def load(self):
        state = json.loads(self.state.read_text())
        self.mutants, self.unviable, self.commit = state["mutants"], set(state["unviable"]), state.get("commit", "unknown")

    def save(self):
        self.state.write_text(json.dumps({"mutants": self.mutants, "unviable": sorted(self.unviable), "commit": self.commit}))

    def list(self):
        listed = subprocess.run(["cargo", "mutants", "--list", "--json", "--no-config", "-f", "src/**/*.rs"], cwd=ROOT, check=True,
                                capture_output=True, text=True).stdout
        keep = ["file", "genre", "name", "replacement", "span"]
        self.mutants = [{key: mutant[key] for key in keep} for mutant in json.loads(listed)
                        if any(inside(mutant["file"], room) for room in self.rooms)]
        for i, mutant in enumerate(self.mutants):
            mutant["id"] = i
        self.unviable = set()
        self.commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    def weave(self):
        """Writes the copy; the places of the mutants in it, file by file."""
        places = {}
        by_file = collections.defaultdict(list)
        for mutant in self.mutants:
            by_file[mutant["file"]].append(mutant)
        for file, mutants in by_file.items():
            left = [mutant for mutant in mutants if mutant["id"] not in self.unviable]
            woven = json.loads(subprocess.run([self.weaver, str(self.work / "source" / file)], input=json.dumps(left), check=True, capture_output=True, text=True).stdout)
            self.unviable.update(woven["lost"])
            text = woven["text"]
            places[file] = woven["places"]
            to = self.copy / file
            if not to.exists() or to.read_text() != text:
                to.write_text(text)
        lib = self.copy / "src/lib.rs"
        text = (self.work / "source/src/lib.rs").read_text()
        head = "#![feature(core_intrinsics, const_eval_select)]\n"
        lib.write_text(head + text + SWITCH % len(self.mutants))
        return places

    def prepare(self):
        subprocess.run(["cargo", "build", "--quiet", "--release"], cwd=HERE, check=True)
        self.weaver = str(HERE / "target/release/subquad-mutants")
        for copy in (self.copy, self.work / "source"):
            shutil.rmtree(copy, ignore_errors=True)
        names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
        for name in names:
            if (ROOT / name).is_file():
                for copy in (self.copy, self.work / "source"):
                    (copy / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / name, copy / name)
        while True:
            places = self.weave()
            found = self.complaints(places)
            if not found:
                return
            self.unviable |= found
            print(f"{len(found)} do not compile, {len(self.unviable)} in all", flush=True)

    def complaints(self, places):
        run = subprocess.run(["cargo", "check", "--lib", *FEATURES.get(self.room, CORE), "--message-format", "json"], cwd=self.copy, env=self.env, capture_output=True, text=True)
        found, lost = set(), []
        for line in run.stdout.splitlines():
            message = json.loads(line)
            if message.get("reason") != "compiler-message" or message["message"]["level"] != "error":
                continue
            message, owners = message["message"], None
            for span in sorted(message["spans"], key=lambda span: not span["is_primary"]):
                while span:
                    inside = [place for place in places.get(span["file_name"], []) if place[1] <= span["byte_start"] and span["byte_end"] <= place[2]]
                    owners = owners or (min(inside, key=lambda place: place[2] - place[1])[0] if inside else None)
                    span = span["expansion"]["span"] if span["expansion"] else None
            if owners is None:
                # A function that returns "some type" cannot return two: what it returns early goes.
                early = [(place[1], place[0]) for span in message["spans"] if span["is_primary"] for place in places.get(span["file_name"], [])
                         if isinstance(place[0], int) and self.mutants[place[0]]["genre"] == "FnValue" and place[2] <= span["byte_start"]]
                owners = max(early)[1] if early else None
            if owners is not None:
                found.update([owners] if isinstance(owners, int) else owners)
            elif message["spans"]:
                lost.append(message["rendered"])
        if run.returncode and not found:
            sys.exit("\n".join(lost[:20]) or run.stderr[-3000:])
        return found

    def build(self):
        optimised = "0" if self.room in PLAIN else "2"
        run = subprocess.run(["cargo", "test", "--quiet", "--no-run", *PROGRAMS.get(self.room, ["--lib", "--test", "kernels"]), *FEATURES.get(self.room, CORE), "--message-format", "json"],
                             cwd=self.copy, env=dict(self.env, CARGO_PROFILE_DEV_OPT_LEVEL=optimised), stdout=subprocess.PIPE, text=True, check=True)
        programs = [json.loads(line).get("executable") for line in run.stdout.splitlines()]
        (self.work / "programs.json").write_text(json.dumps([program for program in programs if program]))

    def one(self, program, test, limit, **env):
        """Whether a test passes (None: not in time), and its seconds. Mutants that ask for all memory there is get none."""
        began = time.monotonic()
        try:
            run = subprocess.run([program, "--exact", test, "--test-threads", "1"], cwd=self.copy, env=dict(self.env, RUST_BACKTRACE="0", **env),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=limit,
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)))
            return run.returncode == 0, time.monotonic() - began
        except subprocess.TimeoutExpired:
            return None, limit

    def meet(self):
        """Which mutants each test meets, and how long it takes."""
        tests = []
        for program in json.loads((self.work / "programs.json").read_text()):
            out = subprocess.run([program, "--list"], cwd=self.copy, env=self.env, check=True, capture_output=True, text=True).stdout
            tests += [(program, name) for name in re.findall(r"^(.*): test$", out, re.M) if re.search(TESTS.get(self.room, ""), name)]
        met = []
        for program, test in tests:
            file = self.work / "met"
            file.unlink(missing_ok=True)
            well, _ = self.one(program, test, 900, MUTANTS_MET=str(file))
            if not well:
                print(f"{test} fails without mutants: left out", flush=True)
                continue
            well, seconds = self.one(program, test, 900)
            met.append({"program": program, "test": test, "seconds": seconds, "met": [int(k) for k in file.read_text().split()]})
        (self.work / "tests.json").write_text(json.dumps(met))
        print(f"{len(met)} tests, {sum(test['seconds'] for test in met):.0f} s")

    def run(self, chosen, processes):
        tests = json.loads((self.work / "tests.json").read_text())
        by_mutant = collections.defaultdict(list)
        for i, test in enumerate(tests):
            for k in test["met"] if re.search(TESTS.get(self.room, ""), test["test"]) else []:
                by_mutant[k].append(i)
        known = self.verdicts()
        kills, lock = collections.Counter(), threading.Lock()
        log = (self.work / "verdicts.jsonl").open("a")

        def verdict(mutant):
            function = mutant["file"], mutant["name"].rsplit(" in ", 1)[-1]
            with lock:
                order = sorted(by_mutant[mutant["id"]], key=lambda i: (-kills[function, i], -kills[mutant["file"], i] / tests[i]["seconds"], tests[i]["seconds"]))
            killer = late = None
            for i in order:
                well, _ = self.one(tests[i]["program"], tests[i]["test"], 5 + 8 * tests[i]["seconds"], MUTANT=str(mutant["id"]))
                if not well:
                    killer, late = tests[i]["test"], well is None
                    break
            with lock:
                if killer:
                    kills[function, i] += 1
                    kills[mutant["file"], i] += 1
                log.write(json.dumps({"name": mutant["name"], "killer": killer, "late": late}) + "\n")
                log.flush()

        left = [mutant for mutant in chosen if mutant["id"] in by_mutant and mutant["name"] not in known]
        with concurrent.futures.ThreadPoolExecutor(processes) as pool:
            for i, _ in enumerate(pool.map(verdict, left)):
                if i % 100 == 99:
                    print(f"{i + 1} of {len(left)}", flush=True)

    def inherit(self, earlier):
        """Takes over what was killed there, in lines and by tests that are still there, and what survived and is explained."""
        def place(of, mutant):
            return of.key(mutant), mutant["span"]["start"]["column"]
        earlier.load()
        verdicts = earlier.verdicts()
        killed = {place(earlier, mutant): verdicts.get(mutant["name"]) for mutant in earlier.mutants}
        # A line may be there twice: where one of the two survived, both are tried again.
        for mutant in earlier.mutants:
            if not verdicts.get(mutant["name"]):
                killed[place(earlier, mutant)] = None
        survived = {place(earlier, mutant) for mutant in earlier.mutants if verdicts.get(mutant["name"], "") is None}
        tests, known = json.loads((self.work / "tests.json").read_text()), self.verdicts()
        names, met = {test["test"] for test in tests}, {k for test in tests for k in test["met"]}
        with (self.work / "verdicts.jsonl").open("a") as log:
            for mutant in self.mutants:
                killer = killed.get(place(self, mutant))
                explained = place(self, mutant) in survived and mutant["id"] in met and self.explained(mutant)
                if (killer in names or explained) and mutant["name"] not in known:
                    log.write(json.dumps({"name": mutant["name"], "killer": killer, "earlier": earlier.commit}) + "\n")

    def verdicts(self):
        file = self.work / "verdicts.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        self.late = {line["name"] for line in lines if line.get("late")}
        self.earlier = {line["name"] for line in lines if line.get("earlier")}
        return {line["name"]: line["killer"] for line in lines}

    def key(self, mutant):
        """What names a mutant whatever its line number, and the line."""
        text = (self.copy.parent / "source" / mutant["file"]).read_text().splitlines()[mutant["span"]["start"]["line"] - 1]
        return f"{mutant['file']}: {re.sub(r'^[^:]*:[0-9]+:[0-9]+: ', '', mutant['name'])}", text.strip()

    def explained(self, mutant):
        if not hasattr(self, "reasons"):
            entries = [entry.splitlines() for entry in (HERE / "explained.txt").read_text().split("\n\n")[1:]]
            self.reasons = {(entry[0], entry[1]) for entry in entries}
        key = self.key(mutant)
        return bool({key, (mutant["file"] + ": *", key[1])} & self.reasons)

    def report(self, room, chosen):
        known = self.verdicts()
        met = {k for test in json.loads((self.work / "tests.json").read_text()) for k in test["met"]}
        alive = [mutant for mutant in chosen if mutant["name"] in known and not known[mutant["name"]]]
        survivors = [f"{mutant['name']}\n    {self.key(mutant)[1]}" for mutant in alive if not self.explained(mutant)]
        explained = len(alive) - len(survivors)
        killed, late, earlier = (sum(1 for mutant in chosen if known.get(mutant["name"]) and mutant["name"] in names) for names in (known, self.late, self.earlier))
        unviable = sum(1 for mutant in chosen if mutant["id"] in self.unviable)
        unmet = [mutant["name"] for mutant in chosen if mutant["id"] not in self.unviable and mutant["id"] not in met]
        print(*survivors, sep="\n")
        print(f"{self.commit}: {len(chosen)} mutants: {killed} killed ({late} of them by a time limit, {earlier} in an earlier run), {explained} change no answer, {len(survivors)} survive, {unviable} do not compile, {len(unmet)} met by no test here, "
              f"{len(chosen) - killed - len(alive) - unviable - len(unmet)} not tried")
        (self.work / f"unmet-{folder_of([room])}.txt").write_text("\n".join(unmet) + "\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("rooms", nargs="*", default=ROOMS, help="how paths of files begin; nothing: what is in no room")
    options.add_argument("--sample", type=int)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--processes", type=int, default=os.cpu_count())
    options.add_argument("--report", action="store_true")
    options.add_argument("--together", action="store_true", help="the rooms in one compilation")
    options.add_argument("--earlier", type=pathlib.Path, action="append", default=[], help="a folder like that of --work, of a run before")
    options.add_argument("--work", type=pathlib.Path, default=HERE / "target/work")
    options = options.parse_args()
    for rooms in [options.rooms] if options.together else [[room] for room in options.rooms]:
        print("==", *(room or "what is in no room" for room in rooms), flush=True)
        work = options.work.resolve()
        mutants = Mutants(rooms, work)
        if mutants.state.exists():
            mutants.load()
        elif not options.report:
            mutants.list()
            mutants.prepare()
            mutants.build()
            mutants.meet()
            mutants.save()
        else:
            continue
        chosen = mutants.mutants
        if options.sample:
            chosen = random.Random(options.seed).sample(chosen, min(options.sample, len(chosen)))
        for earlier in options.earlier:
            for before in [rooms] if len(rooms) == 1 else [rooms, *([room] for room in rooms)]:
                if (earlier / folder_of(before) / "woven.json").exists():
                    mutants.inherit(Mutants(before, earlier.resolve()))
        if not options.report:
            mutants.run(chosen, options.processes)
        for room in rooms:
            mutants.report(room, [mutant for mutant in chosen if inside(mutant["file"], room)])


if __name__ == "__main__":
    main()
