"""The two-layer products and the digits run, against JAX on the same network. One thread.

    cargo build --release --features cli && (cd benches/peers && cargo build --release)
    taskset -c 1 python benches/peers/solver.py [products] [digits]

Requirements, pinned: solver.requirements.txt. Times are processor time, so that other programs do not count: for the
products the least of many, those of this crate from its own program, run before and after JAX's; for the digits the
whole program's, with reading the table and testing.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def network(w, x, a, b):
    return jax.nn.relu(x @ w.T - b) @ a.T / np.sqrt(a.shape[1])


def best(f, seconds=4.0):
    f()
    times, begun = [], time.perf_counter()
    while time.perf_counter() - begun < seconds or len(times) < 5:
        start = time.process_time()
        f()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def ours():
    """(jvp, vjp, K u) in milliseconds for d = 64, C = 1, by the share that fires, in percent."""
    out = subprocess.run([HERE / "target/release/subquad-peers", "products"], capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"^ +64 +1 +([\d.]+)% \| +([\d.]+) +([\d.]+) +([\d.]+)", out, re.M)
    return {round(float(fired)): tuple(map(float, times)) for fired, *times in rows}


def products():
    n, m, d = 1024, 16384, 64
    rng = np.random.default_rng(1)
    w = rng.standard_normal((m, d), dtype=np.float32)
    x = rng.standard_normal((n, d), dtype=np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    a = rng.choice(np.float32([-1, 1]), (1, m))
    v, u = rng.standard_normal((m, d), dtype=np.float32), rng.standard_normal((n, 1), dtype=np.float32)
    w, x, a, v, u = map(jnp.asarray, (w, x, a, v, u))
    first = ours()
    theirs = {}
    for share, b in [(50, 0.0), (5, 1.6449)]:
        f = lambda w: network(w, x, a, np.float32(b))
        jvp = jax.jit(lambda w, v: jax.jvp(f, (w,), (v,))[1])
        vjp = jax.jit(lambda w, u: jax.vjp(f, w)[1](u)[0])
        both = jax.jit(lambda w, u: jax.jvp(f, (w,), (jax.vjp(f, w)[1](u)[0],))[1])
        calls = [lambda: jvp(w, v), lambda: vjp(w, u), lambda: both(w, u)]
        theirs[share] = [best(lambda: call().block_until_ready()) for call in calls]
    second = ours()
    for share, jax_times in theirs.items():
        mine = [min(pair) for pair in zip(first[share], second[share])]
        for name, theirs_ms, ours_ms in zip(["jvp", "vjp", "K u"], jax_times, mine):
            print(f"{name}, {share} % fire: JAX {theirs_ms:.1f} ms, subquad {ours_ms:.2f} ms, ratio {theirs_ms / ours_ms:.1f}", flush=True)


def digits(width=4096):
    table = np.loadtxt(ROOT / "src/bin/subquad/digits.csv", delimiter=",", skiprows=1)
    rows = np.random.default_rng(0).permutation(len(table))[:1437]
    table = table[rows]
    x, labels = table[:, :64] - table[:, :64].mean(0), table[:, 64].astype(int)
    x *= np.sqrt(1 - 0.09) / np.linalg.norm(x, axis=1, keepdims=True)
    x = np.hstack([x, np.full((len(x), 1), 0.3)]).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[labels]

    def run(goal):
        with tempfile.TemporaryDirectory() as room:
            path = Path(room) / "train.csv"
            names = ",".join([f"p{k}" for k in range(64)] + ["digit"])
            np.savetxt(path, table, fmt="%d", delimiter=",", header=names, comments="")
            command = [os.environ.get("SUBQUAD", ROOT / "target/release/subquad"), "train", path, "--test-fraction", "0", "--columns", "centre", "--rows", "unit"]
            command += ["--task", "classification", "--width", str(width), "--tolerance", str(goal), "--json"]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        done = json.loads(out.splitlines()[-1])
        assert done["status"] == "converged", done
        return seconds, done["train_accuracy"], done.get("preconditioner")

    goals = [1e-2, 1e-3, 1e-6]
    mine = {goal: min(run(goal) for _ in range(3)) for goal in goals}
    print("subquad:", {goal: f"{t[0]:.3f} s, training accuracy {t[1]}" for goal, t in mine.items()}, mine[1e-6][2], flush=True)
    limit = 16 * mine[1e-6][0]

    rng = np.random.default_rng(1)
    half = rng.standard_normal((width // 2, 65), dtype=np.float32)
    signs = rng.choice(np.float32([-1, 1]), (10, width // 2))
    start, a = jnp.asarray(np.vstack([half, half])), jnp.asarray(np.hstack([signs, -signs]))
    x, y = jnp.asarray(x), jnp.asarray(y)
    loss = lambda w, x, y: jnp.mean((network(w, x, a, 0.0) - y) ** 2)
    accuracy = jax.jit(lambda w: jnp.mean(jnp.argmax(network(w, x, a, 0.0), 1) == jnp.argmax(y, 1)))
    value = jax.jit(lambda w: loss(w, x, y))
    gradient = jax.jit(jax.value_and_grad(loss))
    gradient(start, x, y)
    accuracy(start), value(start)
    reached = {goal: (np.inf, "nothing") for goal in [*goals, "all right"]}

    def note(name, spent, w):
        mse = float(value(w))
        for goal in goals:
            if mse <= goal and spent < reached[goal][0]:
                reached[goal] = (spent, name)
        if spent < reached["all right"][0] and float(accuracy(w)) == 1.0:
            reached["all right"] = (spent, name)
        return mse

    @jax.jit
    def step(w, state, rate, x, y):
        gradients = jax.grad(loss)(w, x, y)
        updates, state = optax.scale_by_adam().update(gradients, state)
        return w - rate * updates, state

    class Adam:
        def __init__(self, batch, rate):
            self.name, self.batch, self.rate = f"Adam, batch {batch}, rate {rate}", batch, rate
            self.w, self.state, self.spent, self.mse, self.epochs = start, optax.scale_by_adam().init(start), 0.0, 1.0, 0
            self.order = np.random.default_rng(2)
            step(start, self.state, rate, x[:batch], y[:batch])[0].block_until_ready()

        def train(self, limit):
            while self.spent < limit and self.mse > 1e-6 and np.isfinite(self.mse):
                permuted = self.order.permutation(1437)
                begun = time.process_time()
                for at in range(0, 1437 // self.batch * self.batch, self.batch):
                    some = permuted[at : at + self.batch]
                    data = (x, y) if self.batch == 1437 else (x[some], y[some])
                    self.w, self.state = step(self.w, self.state, self.rate, *data)
                self.w.block_until_ready()
                self.spent += time.process_time() - begun
                self.epochs += 1
                self.mse = note(self.name, self.spent, self.w)
            print(f"{self.name}: MSE {self.mse:.1e} after {self.epochs} epochs, {self.spent:.1f} s", flush=True)

    # All of them for an eighth of the time, the best four to the end.
    adams = [Adam(batch, rate) for batch in [1437, 479, 128, 32] for rate in [1e-3, 3e-3, 1e-2, 3e-2]]
    for adam in adams:
        adam.train(limit / 8)
    for adam in sorted(adams, key=lambda adam: adam.mse if np.isfinite(adam.mse) else np.inf)[:4]:
        adam.train(limit)

    spent, evaluations = [0.0], [0]

    class Enough(Exception):
        pass

    def objective(flat):
        mse, g = gradient(jnp.asarray(flat.reshape(start.shape), dtype=jnp.float32), x, y)
        result = float(mse), np.asarray(g, dtype=np.float64).ravel()
        evaluations[0] += 1
        return result

    clock = [time.process_time()]

    def after(flat):
        spent[0] += time.process_time() - clock[0]
        if note("L-BFGS", spent[0], jnp.asarray(flat.reshape(start.shape), dtype=jnp.float32)) <= 1e-6 or spent[0] > limit:
            raise Enough
        clock[0] = time.process_time()

    try:
        options = {"maxiter": 100000, "maxfun": 100000, "maxcor": 10, "ftol": 0, "gtol": 0}
        scipy.optimize.minimize(objective, np.asarray(start, dtype=np.float64).ravel(), jac=True, method="L-BFGS-B", callback=after, options=options)
    except Enough:
        pass
    print(f"L-BFGS: {evaluations[0]} evaluations, {spent[0]:.1f} s", flush=True)
    for goal in [*goals, "all right"]:
        own = mine[goal][0] if goal != "all right" else min(t[0] for t in mine.values() if t[1] == 1.0)
        theirs, name = reached[goal]
        ratio = f"{theirs / own:.1f}" if np.isfinite(theirs) else f"more than {limit / own:.0f}"
        print(f"to {goal}: {name} {theirs:.2f} s, subquad {own:.3f} s, ratio {ratio}", flush=True)


if __name__ == "__main__":
    which = sys.argv[1:] or ["products", "digits"]
    for name in which:
        {"products": products, "digits": digits}[name]()
