"""This crate from Python, through its C face, so that both sides take turns in one process; and the clock for that.

LIBSUBQUAD names the shared library. Arrays are contiguous and of float32.
"""

import ctypes as c
import json
import os
import statistics
import time

import numpy as np

size = c.c_size_t
lib = c.CDLL(os.environ["LIBSUBQUAD"]) if "LIBSUBQUAD" in os.environ else None
best = c.c_uint8(0)


class Error(c.Structure):
    _fields_ = [("code", c.c_int), ("expected", size), ("found", size), ("message", c.c_char * 256)]


def at(x):
    assert x.flags.c_contiguous
    return x.ctypes.data_as(c.c_void_p)


def length(name, *dims):
    function = getattr(lib, name)
    function.restype = size
    return function(*(d if isinstance(d, c.c_uint32) else size(d) for d in dims))


def call(name, *arguments):
    error = Error()
    if getattr(lib, name)(*arguments, c.byref(error)):
        raise RuntimeError(f"{name}: {error.message.decode()}")


def room(n):
    return np.zeros(max(n, 1), np.float32)


def fwht(x):
    call("subquad_fwht_f32", best, at(x), size(x.size))


def gemm(a, b, out, scratch):
    """out <- a b"""
    (m, k), n = a.shape, b.shape[1]
    call("subquad_gemm_f32", best, size(m), size(n), size(k), c.c_float(1), at(a), at(b), c.c_float(0), at(out), at(scratch), size(scratch.size))


def cholesky(a, scratch):
    definite = c.c_bool()
    call("subquad_cholesky_f32", best, size(len(a)), at(a), c.byref(definite), at(scratch), size(scratch.size))
    assert definite


class Queries:
    """Half-space queries of rows of x over rows of w, by the scan or the structure of a number (1 packed, 2 screened, 4 ball tree)."""

    def __init__(self, w, x, kind=None):
        self.w, self.x, (self.m, self.d), self.n = w, x, w.shape, len(x)
        self.room = self.m // 4
        self.counts, self.indices = np.zeros(self.n, np.uint32), np.zeros((self.n, self.room), np.uint32)
        self.kind = None if kind is None else c.c_uint32(kind)
        if kind is None:
            self.scratch = room(length("subquad_scan_scratch_len", self.d, self.m))
            return
        lengths = [length(f"subquad_{what}_scratch_len_f32", self.kind, self.m, self.d) for what in ("build", "query")]
        self.scratch = room(max(lengths))
        self.index = np.zeros(length("subquad_index_len_f32", self.kind, self.m, self.d) // 8, np.uint64)
        tail = (at(self.index), size(self.index.nbytes), at(self.scratch), size(self.scratch.size))
        call("subquad_build_f32", self.kind, size(self.m), size(self.d), at(w), *tail)

    def run(self, b):
        answers = (c.c_float(b), size(self.room), at(self.counts), at(self.indices), None, at(self.scratch), size(self.scratch.size))
        if self.kind is None:
            call("subquad_scan_f32", best, size(self.m), size(self.d), size(self.n), at(self.w), at(self.x), *answers)
        else:
            index = (at(self.index), size(self.index.nbytes), c.c_bool(False))
            call("subquad_query_f32", best, self.kind, *index, size(self.n), size(self.d), at(self.x), *answers)


class Network:
    """The two-layer network's products."""

    def __init__(self, x, w, a, b):
        (n, d), (o, m) = x.shape, a.shape
        self.x, self.a, self.shape = x, a, (size(n), size(d), size(m), size(o))
        self.words = np.zeros(length("subquad_pattern_len", n, m), np.uint64)
        self.f, self.g = np.empty((n, o), np.float32), np.empty((m, d), np.float32)
        scratch = room(length("subquad_gram_product_scratch_len", d, m, o))
        self.scratch, self.tail = scratch, (at(scratch), size(scratch.size))
        call("subquad_forward_f32", best, *self.shape, at(x), at(w), at(a), c.c_float(b), at(self.words), at(self.f), *self.tail)

    def product(self, name, v, out):
        call(f"subquad_{name}_f32", best, *self.shape, at(self.x), at(self.a), at(self.words), at(v), at(out), *self.tail)
        return out


def race(group, case, ours, peers, seconds=1.5):
    """Lets all take turns for a while and prints a row for each peer: medians, and the median of the rounds' ratios.

    Ours is the time of this thread, theirs of the process: threads of theirs go on working after they have answered (JAX's for
    ten milliseconds), which nobody is charged for."""
    calls = [(time.thread_time, ours), *((time.process_time, run) for run in peers.values())]
    times = []
    for clock, run in calls:
        run()
        start = clock()
        run()
        times.append(max(1, min(10000, int(2e-3 / max(clock() - start, 1e-9)))))
    rounds = []
    begun = time.perf_counter()
    while len(rounds) < 5 or (time.perf_counter() - begun < seconds and len(rounds) < 100):
        row = []
        for (clock, run), repeat in zip(calls, times):
            start = clock()
            for _ in range(repeat):
                run()
            row.append((clock() - start) / repeat)
        rounds.append(row)
    middle = [statistics.median(column) for column in zip(*rounds)]
    for k, peer in enumerate(peers, 1):
        ratio = statistics.median(row[k] / max(row[0], 1e-12) for row in rounds)
        said(group, case, peer, 1e3 * middle[0], 1e3 * middle[k], ratio)


def said(group, case, peer, ours_ms, peer_ms, ratio, **more):
    print(json.dumps({"group": group, "case": case, "peer": peer, "ours_ms": round(ours_ms, 6), "peer_ms": round(peer_ms, 6), "ratio": round(ratio, 3), **more}), flush=True)
