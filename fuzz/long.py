#!/usr/bin/env python3
"""Fuzzes every target for a long time, and keeps account of it in hours.txt.

    fuzz/long.py                     every target, until each has had 30 minutes of processor time
    fuzz/long.py --minutes 60 cg     some, or for longer
    fuzz/long.py --processes 2       two at a time

Targets take turns of two minutes, those with the least time first, so that it may be ended at any moment: what has been
fuzzed is counted, with the corpus kept in fuzz/corpus. A finding ends its target, and is left in fuzz/artifacts.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import resource
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
ACCOUNT = HERE / "hours.txt"
TURN = 120
HEAD = ["target", "seconds", "executions", "last commit fuzzed"]


def read():
    rows = [line.split() for line in ACCOUNT.read_text().splitlines()[1:]] if ACCOUNT.exists() else []
    return {row[0]: [float(row[1]), int(row[2]), row[3]] for row in rows}


def write(account):
    rows = [HEAD] + [[name, f"{seconds:.0f}", str(runs), commit] for name, (seconds, runs, commit) in sorted(account.items())]
    whole = ACCOUNT.with_suffix(".new")
    whole.write_text("".join(f"{row[0]:<16}{row[1]:>8}{row[2]:>16}  {row[3]}\n" for row in rows))
    whole.replace(ACCOUNT)


def turn(program, name, seconds):
    """Runs a target; processor time, executions, and whether it found nothing."""
    corpus, artifacts = HERE / "corpus" / name, HERE / "artifacts" / name
    corpus.mkdir(parents=True, exist_ok=True)
    artifacts.mkdir(parents=True, exist_ok=True)
    command = [program, str(corpus), f"-artifact_prefix={artifacts}/", f"-max_total_time={seconds}", "-timeout=60",
               "-rss_limit_mb=4096", "-print_final_stats=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as child:
        log = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", log)
    if child.returncode != 0:
        print(log[-3000:], flush=True)
    return used.ru_utime + used.ru_stime, int(runs.group(1)) if runs else 0, child.returncode == 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("targets", nargs="*")
    options.add_argument("--minutes", type=float, default=30)
    options.add_argument("--processes", type=int, default=1)
    options = options.parse_args()
    os.chdir(HERE)
    for target in [[name] for name in options.targets] or [[]]:
        subprocess.run(["cargo", "+nightly", "fuzz", "build", "--features", "io", *target], check=True)
    names = options.targets or subprocess.run(["cargo", "+nightly", "fuzz", "list"], check=True, capture_output=True, text=True).stdout.split()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    seeds = HERE.parent / "tests" / "bodies" / "seeds"
    subprocess.run([sys.executable, HERE / "seeds.py", "--unpack", *[name for name in names if (seeds / name).exists()]], check=True)
    release = next((HERE / "target").glob("*/release"))
    account, failed, busy, lock = read(), set(), set(), threading.Lock()

    def work():
        while True:
            with lock:
                left = [n for n in names if n not in failed | busy and account.get(n, [0])[0] < 60 * options.minutes]
                if not left:
                    return
                name = min(left, key=lambda n: account.get(n, [0])[0])
                busy.add(name)
            seconds, runs, well = turn(str(release / name), name, TURN)
            with lock:
                busy.discard(name)
                before = account.get(name, [0.0, 0, ""])
                account[name] = [before[0] + seconds, before[1] + runs, commit]
                write(account)
                print(f"{name}: {account[name][0]:.0f} s, {account[name][1]} executions{'' if well else ': A FINDING'}", flush=True)
                if not well:
                    failed.add(name)

    with concurrent.futures.ThreadPoolExecutor(options.processes) as pool:
        for job in [pool.submit(work) for _ in range(options.processes)]:
            job.result()
    if failed:
        sys.exit(f"findings: {', '.join(sorted(failed))}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
