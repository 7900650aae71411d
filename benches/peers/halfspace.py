"""The cases of benches/halfspace.rs by the libraries a Python program has: GEMM + compare, FAISS range search.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 taskset -c 1 python benches/peers/halfspace.py

Prints minima over repeated runs, in milliseconds for 512 queries. FAISS is left out where it is not installed.
"""

import time

import numpy as np

try:
    import faiss

    faiss.omp_set_num_threads(1)
except ImportError:
    faiss = None


def best(f, runs=5):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


for m, d in [(65536, 16), (65536, 64), (65536, 256), (262144, 8)]:
    rng = np.random.default_rng(1)
    w = rng.standard_normal((m, d), dtype=np.float32)
    x = rng.standard_normal((512, d), dtype=np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    z, fires = np.empty((512, m), np.float32), np.empty((512, m), bool)
    for share, b in [("0.1%", 3.0902), ("2%", 2.0537), ("10%", 1.2816)]:
        b = np.float32(b)

        def compare():
            np.matmul(x, w.T, out=z)
            np.greater(z, b, out=fires)

        def extract():
            compare()
            return np.flatnonzero(fires)

        line = f"m={m} d={d} {share}: GEMM + compare {best(compare):.1f}, with indices {best(extract, 3):.1f}"
        if faiss is not None:
            index = faiss.IndexFlatIP(d)
            index.add(w)
            line += f", FAISS {best(lambda: index.range_search(x, float(b)), 3):.1f}"
        print(line, flush=True)
