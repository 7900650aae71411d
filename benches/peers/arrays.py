"""The kernels next to what a Python program has: numpy, scipy, FAISS, JAX. One thread, in one process, taking turns.

Started by run.py, which says where the library is. Every pair of results is compared before it is timed. Processor time.
"""

import os
import sys

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import faiss
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

import ours

faiss.omp_set_num_threads(1)
NUMPY, SCIPY, JAX = f"numpy {np.__version__}", f"scipy {scipy.__version__}", f"JAX {jax.__version__}"
FAISS = f"FAISS {faiss.__version__}"


def normal(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def transforms():
    def butterflies(x):
        h = 1
        while h < x.size:
            pairs = x.reshape(-1, 2, h)
            pairs[:] = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1)
            h *= 2

    for p in [10, 16, 20]:
        x = normal(1 << p)
        y = x.copy()
        ours.fwht(x)
        butterflies(y)
        assert np.allclose(x, y, atol=1e-6 * x.size)
        x[:], y[:] = 0, 0
        peers = {f"{NUMPY}, butterflies": lambda: butterflies(y)}
        if p <= 10:
            matrix = scipy.linalg.hadamard(1 << p).astype(np.float32)
            peers[f"{SCIPY}.hadamard(n) @ x"] = lambda: matrix @ y
        ours.race("transforms", f"2^{p}", lambda: ours.fwht(x), peers)


def products():
    for n in [512, 1024, 2048]:
        a, b, out, theirs = normal(n, n), normal(n, n, seed=2), np.empty((n, n), np.float32), np.empty((n, n), np.float32)
        scratch = ours.room(ours.length("subquad_gemm_scratch_len", n, n, n))
        ours.gemm(a, b, out, scratch)
        np.matmul(a, b, out=theirs)
        assert np.allclose(out, theirs, atol=1e-4 * n)
        ours.race("products", f"A B, {n}", lambda: ours.gemm(a, b, out, scratch), {f"{NUMPY} (OpenBLAS)": lambda: np.matmul(a, b, out=theirs)})


def factors():
    for n in [512, 1024, 2048]:
        a = normal(n, n // 8)
        spd = a @ a.T + 10 * np.eye(n, dtype=np.float32)
        mine = spd.copy()
        scratch = ours.room(ours.length("subquad_cholesky_scratch_len", n))

        def run():
            mine[:] = spd
            ours.cholesky(mine, scratch)

        # Of a symmetric matrix, so that LAPACK's column order costs no transposition.
        theirs = lambda: scipy.linalg.cholesky(spd.T, lower=True, check_finite=False)
        run()
        assert np.allclose(np.tril(mine), theirs(), atol=1e-2)
        ours.race("factors", f"Cholesky {n}", run, {f"{SCIPY} (LAPACK)": theirs})


def halfspace():
    for m, d in [(65536, 16), (65536, 64), (65536, 256), (262144, 8)]:
        w, x = normal(m, d), normal(512, d, seed=2)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        z, fires = np.empty((512, m), np.float32), np.empty((512, m), bool)
        index = faiss.IndexFlatIP(d)
        index.add(w)
        structures = {"scan": ours.Queries(w, x), "screened": ours.Queries(w, x, 2)}
        for share, b in [("0.1%", 3.0902), ("2%", 2.0537)]:
            b = np.float32(b)

            def extract():
                np.matmul(x, w.T, out=z)
                np.greater(z, b, out=fires)
                return np.flatnonzero(fires)

            total = len(extract())
            for name, queries in structures.items():
                queries.run(b)
                assert abs(int(queries.counts.sum()) - total) <= 2 + total // 10**5, name
            assert abs(len(index.range_search(x, float(b))[1]) - total) <= 2 + total // 10**5
            peers = {f"{NUMPY}, GEMM + compare + indices": extract, f"{FAISS} IndexFlatIP": lambda: index.range_search(x, float(b))}
            for name, queries in structures.items():
                ours.race("halfspace", f"{name}, m = {m}, d = {d}, {share}", lambda: queries.run(b), peers)


def network():
    n, m, d = 1024, 16384, 64
    w, x, v, u = normal(m, d), normal(n, d, seed=2), normal(m, d, seed=3), normal(n, 1, seed=4)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    a = np.random.default_rng(1).choice(np.float32([-1, 1]), (1, m))
    jw, jv, ju = map(jnp.asarray, (w, v, u))
    for share, b in [("50%", 0.0), ("20%", 0.8416), ("5%", 1.6449), ("2%", 2.0537)]:
        f = lambda w: jax.nn.relu(jnp.asarray(x) @ w.T - np.float32(b)) @ jnp.asarray(a).T / np.sqrt(m)
        jvp = jax.jit(lambda w, v: jax.jvp(f, (w,), (v,))[1])
        vjp = jax.jit(lambda w, u: jax.vjp(f, w)[1](u)[0])
        both = jax.jit(lambda w, u: jax.jvp(f, (w,), (jax.vjp(f, w)[1](u)[0],))[1])
        mine = ours.Network(x, w, a, b)
        ku = np.empty((n, 1), np.float32)
        for name, run, theirs in [
            ("J V", lambda: mine.product("jvp", v, mine.f), lambda: jvp(jw, jv)),
            ("J^T U", lambda: mine.product("vjp", u, mine.g), lambda: vjp(jw, ju)),
            ("K U", lambda: mine.product("gram_product", u, ku), lambda: both(jw, ju)),
        ]:
            wanted = np.asarray(theirs())
            assert np.linalg.norm(run() - wanted) < 1e-3 * np.linalg.norm(wanted)
            ours.race("network", f"{name}, {share} fire", run, {JAX: lambda: theirs().block_until_ready()})


for wanted in sys.argv[1:] or ["transforms", "products", "factors", "halfspace", "network"]:
    {"transforms": transforms, "products": products, "factors": factors, "halfspace": halfspace, "network": network}[wanted]()
