"""The deep network of benches/deep.rs, dense, in JAX on one thread: a pass forward and back, and Adam to the same error.

    python -m venv venv && venv/bin/pip install -r benches/peers/deep-requirements.txt
    taskset -c 1 venv/bin/python benches/peers/deep.py [--width 4096] [--layers 3] [--seconds 60]

Compare with `cargo bench --bench deep -- step`, run in the same minute on the same core.
"""

import argparse
import math
import os
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
import optax

parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=4096)
parser.add_argument("--layers", type=int, default=3)
parser.add_argument("--seconds", type=float, default=60, help="at most for each learning rate")
parser.add_argument("--rates", type=float, nargs="*", default=[3e-3, 1e-2, 3e-2])
args = parser.parse_args()
n, m, layers = 256, args.width, args.layers

path = os.path.join(os.path.dirname(__file__), "../../src/bin/subquad/digits.csv")
rows = np.loadtxt(path, delimiter=",", skiprows=1)[:n]
x = rows[:, :64] - rows[:, :64].mean(0)
x = np.sqrt(0.91) * x / np.linalg.norm(x, axis=1, keepdims=True)
x = jnp.asarray(np.hstack([x, np.full((n, 1), 0.3)]), jnp.float32)
y = jnp.asarray(np.eye(10)[rows[:, 64].astype(int)], jnp.float32)

rng = np.random.default_rng(0)
first = jnp.asarray(rng.standard_normal((65, m), dtype=np.float32))
weights = [jnp.asarray(rng.standard_normal((m, m), dtype=np.float32)) for _ in range(layers - 1)]
a = jnp.asarray(rng.choice([-1.0, 1.0], (m, 10)), jnp.float32)
b = math.sqrt(0.4 * math.log(m))


def outputs(weights):
    h = x
    for w in [first, *weights]:
        u = jax.nn.relu(h @ w - b)
        h = u / jnp.linalg.norm(u, axis=1, keepdims=True)
    return h @ a


start = jax.jit(outputs)(weights)


def loss(weights):
    return jnp.mean((outputs(weights) - start - y) ** 2)


both = jax.jit(jax.value_and_grad(loss))
jax.block_until_ready(both(weights))
times = []
for _ in range(5):
    begun = time.perf_counter()
    jax.block_until_ready(both(weights))
    times.append(time.perf_counter() - begun)
print(f"m = {m}, L = {layers}, n = {n}: forward and backward {1e3 * min(times):.1f} ms (of {[round(1e3 * t) for t in times]})", flush=True)

for rate in args.rates:
    optimiser = optax.adam(rate)

    @jax.jit
    def step(weights, state):
        value, slope = jax.value_and_grad(loss)(weights)
        updates, state = optimiser.update(slope, state)
        return optax.apply_updates(weights, updates), state, value

    now, state = weights, optimiser.init(weights)
    jax.block_until_ready(step(now, state))
    begun, steps, value, least = time.perf_counter(), 0, math.inf, math.inf
    while value > 1e-6 and time.perf_counter() - begun < args.seconds:
        now, state, value = step(now, state)
        value, steps = float(value), steps + 1
        least = min(least, value)
    spent = time.perf_counter() - begun
    print(f"Adam, rate {rate}: MSE {value:.1e} (least {least:.1e}) after {steps} steps and {spent:.2f} s", flush=True)
