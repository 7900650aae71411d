"""The C face through ctypes, against scipy, numpy and JAX: python3 smoke.py libsubquad.so"""

import ctypes as c
import sys

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

lib = c.CDLL(sys.argv[1])
jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(1)
size = c.c_size_t


class Error(c.Structure):
    _fields_ = [("code", c.c_int), ("expected", size), ("found", size), ("message", c.c_char * 256)]


class Stopping(c.Structure):
    _fields_ = [("relative", c.c_double), ("absolute", c.c_double), ("max_iterations", size)]


class Report(c.Structure):
    _fields_ = [("status", c.c_int), ("iterations", size), ("residual_norm", c.c_double), ("rhs_norm", c.c_double)]


class Watch(c.Structure):
    _fields_ = [("history", c.c_void_p), ("history_len", size), ("callback", c.c_void_p), ("check", c.c_uint32), ("patience", size),
                ("true_residual_norms", c.c_void_p)]


class LeastSquaresStopping(c.Structure):
    _fields_ = [("relative", c.c_double), ("gradient", c.c_double), ("max_iterations", size)]


class LeastSquaresReport(c.Structure):
    _fields_ = [("status", c.c_int), ("iterations", size), ("residual_norm", c.c_double), ("gradient_norm", c.c_double)]


class Support(c.Structure):
    _fields_ = [("rows", size), ("cols", size), ("starts", c.c_void_p), ("indices", c.c_void_p)]


class Columns(c.Structure):
    _fields_ = [("cols", size), ("starts", c.c_void_p), ("rows", c.c_void_p), ("places", c.c_void_p)]


class Sparse(c.Structure):
    _fields_ = [("support", Support), ("depth", size), ("values", c.c_void_p)]


class Panels(c.Structure):
    _fields_ = [("rows", size), ("cols", size), ("packed", c.c_bool), ("numbers", c.c_void_p)]


def at(x):
    """The address of an array's first number; None where there is no array."""
    if x is None:
        return None
    assert x.flags.c_contiguous
    return x.ctypes.data_as(c.c_void_p)


def length(name, *dims):
    function = getattr(lib, name)
    function.restype = size
    return function(*(c.c_uint32(d.value) if isinstance(d, c.c_uint32) else size(d) for d in dims))


def call(name, *arguments):
    error = Error()
    code = getattr(lib, name)(*arguments, c.byref(error))
    if code:
        raise RuntimeError(f"{name}: {error.message.decode()} ({code})")


def room(n, dtype):
    return np.full(max(n, 1), np.nan, dtype)


best = c.c_uint8(0)
real = {"f32": (np.float32, c.c_float, 1e-4), "f64": (np.float64, c.c_double, 1e-11)}

for suffix, (dtype, scalar, tolerance) in real.items():
    # FWHT against scipy's Hadamard matrix, for every power of two up to 1024.
    for p in range(11):
        n = 1 << p
        x = rng.standard_normal(n).astype(dtype)
        y = x.copy()
        call(f"subquad_fwht_{suffix}", best, at(y), size(n))
        wanted = scipy.linalg.hadamard(n) @ x.astype(np.float64)
        assert np.allclose(y, wanted, rtol=0, atol=tolerance * n), (suffix, n)
    print(f"{suffix}: fwht of 2^0 .. 2^10 as scipy.linalg.hadamard")

    # Conjugate gradients against scipy's, through a callback.
    n = 80
    g = rng.standard_normal((n, n))
    a = (g @ g.T / n + np.eye(n)).astype(dtype)
    b = rng.standard_normal(n).astype(dtype)

    @c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(scalar), c.POINTER(scalar), size)
    def product(_, x, y, n):
        np.ctypeslib.as_array(y, (n,))[:] = a @ np.ctypeslib.as_array(x, (n,))
        return 0

    x, report = np.zeros(n, dtype), Report()
    scratch = room(length("subquad_cg_scratch_len", n), dtype)
    stopping = Stopping(1e-5 if dtype == np.float32 else 1e-12, 0.0, 500)
    call(f"subquad_cg_{suffix}", best, size(n), product, None, None, at(b), at(x), c.byref(stopping), c.byref(report), at(scratch), size(scratch.size))
    wanted, info = scipy.sparse.linalg.cg(a.astype(np.float64), b, rtol=1e-13)
    assert info == 0 and report.status == 0 and np.allclose(x, wanted, atol=10 * tolerance), np.abs(x - wanted).max()
    print(f"{suffix}: conjugate gradients as scipy.sparse.linalg.cg, {report.iterations} iterations")

    # Several right-hand sides at once, preconditioned by the diagonal, and the course of their residuals.
    rows_of = c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(scalar), c.POINTER(scalar), size, size)

    @rows_of
    def products(_, x, y, rows, n):
        np.ctypeslib.as_array(y, (rows, n))[:] = np.ctypeslib.as_array(x, (rows, n)) @ a
        return 0

    @rows_of
    def divisions(_, r, z, rows, n):
        np.ctypeslib.as_array(z, (rows, n))[:] = np.ctypeslib.as_array(r, (rows, n)) / np.diag(a)
        return 0

    k = 4
    b, x, reports = rng.standard_normal((k, n)).astype(dtype), np.zeros((k, n), dtype), (Report * k)()
    history, truth = np.full((500, k), np.nan), np.zeros(k)
    watch = Watch(at(history), history.size, None, 1, 0, at(truth))
    scratch = room(length(f"subquad_cg_rows_scratch_len_{suffix}", k, n), dtype)
    call(f"subquad_cg_rows_{suffix}", best, size(k), size(n), products, divisions, None, at(b), at(x), c.byref(stopping), c.byref(watch), reports,
         at(scratch), size(scratch.size))
    wanted = np.linalg.solve(a.astype(np.float64), b.T.astype(np.float64)).T
    assert all(report.status == 0 for report in reports) and np.allclose(x, wanted, atol=10 * tolerance), np.abs(x - wanted).max()
    assert np.allclose(history[0], np.linalg.norm(b.astype(np.float64), axis=1), rtol=tolerance)
    assert (truth <= 2 * stopping.relative * history[0]).all()
    print(f"{suffix}: {k} right-hand sides as numpy.linalg.solve, {[report.iterations for report in reports]} iterations")

    # Least squares against numpy's.
    rows, cols = 60, 7
    j, b = rng.standard_normal((rows, cols)).astype(dtype), rng.standard_normal(rows).astype(dtype)
    shape_of = c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(scalar), c.POINTER(scalar), size, size)

    @shape_of
    def multiply(_, x, y, rows, cols):
        np.ctypeslib.as_array(y, (rows,))[:] = j @ np.ctypeslib.as_array(x, (cols,))
        return 0

    @shape_of
    def multiply_transposed(_, y, x, rows, cols):
        np.ctypeslib.as_array(x, (cols,))[:] = j.T @ np.ctypeslib.as_array(y, (rows,))
        return 0

    x, report = np.zeros(cols, dtype), LeastSquaresReport()
    scratch = room(length("subquad_least_squares_scratch_len", rows, cols), dtype)
    stopping = LeastSquaresStopping(0.0, 1e-5 if dtype == np.float32 else 1e-12, 100)
    call(f"subquad_least_squares_{suffix}", best, size(rows), size(cols), multiply, multiply_transposed, None, at(b), c.c_double(0.0), at(x),
         c.byref(stopping), c.byref(report), at(scratch), size(scratch.size))
    wanted, residual, *_ = np.linalg.lstsq(j.astype(np.float64), b.astype(np.float64), rcond=None)
    assert report.status == 0 and np.allclose(x, wanted, atol=10 * tolerance), np.abs(x - wanted).max()
    assert abs(report.residual_norm - residual[0] ** 0.5) < 1e-4
    print(f"{suffix}: least squares as numpy.linalg.lstsq, {report.iterations} iterations")

    # Sparse rows times a dense matrix, and their inner products, against scipy.sparse.
    h = scipy.sparse.random_array((20, 90), density=0.1, format="csr", dtype=np.float64, rng=rng).astype(dtype)
    h.sort_indices()
    starts, indices, values = h.indptr.astype(np.uintp), h.indices.astype(np.uint32), h.data
    weights = rng.standard_normal((90, 70)).astype(dtype)
    sparse = Sparse(Support(20, 90, at(starts), at(indices)), 1, at(values))
    z = np.empty((20, 70), dtype)
    call(f"subquad_times_panels_{suffix}", best, c.byref(sparse), c.byref(Panels(90, 70, False, at(weights))), c.c_bool(False), at(z))
    assert np.allclose(z, h @ weights, atol=10 * tolerance)
    column_starts, row_of, place = np.zeros(91, np.uintp), np.zeros(h.nnz, np.uint32), np.zeros(h.nnz, np.uint32)
    call("subquad_transpose", c.byref(sparse.support), at(column_starts), at(row_of), at(place))
    assert (column_starts == h.tocsc().indptr).all() and (row_of == h.tocsc().indices).all()
    columns, gram = Columns(90, at(column_starts), at(row_of), at(place)), np.zeros((20, 20), dtype)
    scratch = room(length("subquad_overlap_scratch_len", 1, 20, 20), dtype)
    call(f"subquad_overlap_{suffix}", best, c.byref(sparse), c.byref(columns), c.byref(sparse), c.byref(columns), c.c_bool(False), at(gram),
         at(scratch), size(scratch.size))
    assert np.allclose(gram, (h @ h.T).toarray(), atol=10 * tolerance)
    print(f"{suffix}: products of sparse rows as scipy.sparse, {h.nnz} places")

    # The network, its JVP and VJP against JAX.
    n, d, m, o = 33, 9, 200, 3
    x, w, v, u = (rng.standard_normal(s).astype(dtype) for s in [(n, d), (m, d), (m, d), (n, o)])
    signs = rng.choice([-1.0, 1.0], (o, m)).astype(dtype)
    shift = 0.3
    words = np.zeros(length("subquad_pattern_len", n, m), np.uint64)
    scratch = room(length("subquad_gram_product_scratch_len", d, m, o), dtype)
    shape = (size(n), size(d), size(m), size(o))
    tail = (at(scratch), size(scratch.size))
    f, jv, jtu, ku = np.empty((n, o), dtype), np.empty((n, o), dtype), np.empty((m, d), dtype), np.empty((n, o), dtype)
    call(f"subquad_forward_{suffix}", best, *shape, at(x), at(w), at(signs), scalar(shift), at(words), at(f), *tail)
    call(f"subquad_jvp_{suffix}", best, *shape, at(x), at(signs), at(words), at(v), at(jv), *tail)
    call(f"subquad_vjp_{suffix}", best, *shape, at(x), at(signs), at(words), at(u), at(jtu), *tail)
    call(f"subquad_gram_product_{suffix}", best, *shape, at(x), at(signs), at(words), at(u), at(ku), *tail)
    x64, w64, v64, u64, a64 = (jnp.asarray(t, jnp.float64) for t in (x, w, v, u, signs))
    network = lambda w: jnp.maximum(x64 @ w.T - shift, 0) @ a64.T / np.sqrt(m)
    out, tangent = jax.jvp(network, (w64,), (v64,))
    (back,) = jax.vjp(network, w64)[1](u64)
    _, product_of_gram = jax.jvp(network, (w64,), (back,))
    for name, found, wanted in [("forward", f, out), ("jvp", jv, tangent), ("vjp", jtu, back), ("gram product", ku, product_of_gram)]:
        assert np.allclose(found, wanted, rtol=tolerance, atol=tolerance * 50), (suffix, name, np.abs(found - wanted).max())
    fired = np.unpackbits(words.view(np.uint8).reshape(n, -1), axis=1, bitorder="little")[:, :m]
    assert (fired == (np.asarray(x64 @ w64.T) > shift)).all()
    print(f"{suffix}: forward pass, pattern, JVP, VJP and Gram product as JAX")

    # Half-space reporting against numpy.
    m, d, n, threshold = 1000, 7, 12, 2.0
    w, x = rng.standard_normal((m, d)).astype(dtype), rng.standard_normal((n, d)).astype(dtype)
    truth = x.astype(np.float64) @ w.astype(np.float64).T > threshold
    for kind, name in [(None, "scan"), (1, "packed"), (2, "screened"), (4, "ball tree"), (6, "rotated")]:
        counts, indices = np.zeros(n, np.uint32), np.zeros((n, m), np.uint32)
        answers = (scalar(threshold), size(m), at(counts), at(indices), None)
        if kind is None:
            scratch = room(length("subquad_scan_scratch_len", d, m), dtype)
            call(f"subquad_scan_{suffix}", best, size(m), size(d), size(n), at(w), at(x), *answers, at(scratch), size(scratch.size))
        else:
            k = c.c_uint32(kind)
            index = np.zeros(length(f"subquad_index_len_{suffix}", k, m, d) // 8, np.uint64)
            lengths = [length(f"subquad_{what}_scratch_len_{suffix}", k, m, d) for what in ("build", "query")]
            scratch = room(max(lengths), dtype)
            call(f"subquad_build_{suffix}", k, size(m), size(d), at(w), at(index), size(index.nbytes), at(scratch), size(scratch.size))
            call(f"subquad_verify_{suffix}", k, at(index), size(index.nbytes), size(m), size(d), at(w))
            call(f"subquad_query_{suffix}", best, k, at(index), size(index.nbytes), c.c_bool(True), size(n), size(d), at(x), *answers,
                 at(scratch), size(scratch.size))
        for i in range(n):
            assert (indices[i, : counts[i]] == np.flatnonzero(truth[i])).all(), (suffix, name, i)
    # A ball tree that begins with half of its neurons: the others come, and every third goes.
    k, half = c.c_uint32(4), m // 2
    index = np.zeros(length(f"subquad_index_len_{suffix}", k, m, d) // 8, np.uint64)
    scratch = room(max(length(f"subquad_{what}_scratch_len_{suffix}", k, m, d) for what in ("build", "query")), dtype)
    tail = (at(scratch), size(scratch.size))
    call(f"subquad_build_with_room_{suffix}", size(half), size(d), at(w), size(m), at(index), size(index.nbytes), *tail)
    for r in range(half, m):
        call(f"subquad_insert_{suffix}", at(index), size(index.nbytes), size(r), at(w[r]), size(d), c.c_bool(False))
    for r in range(0, m, 3):
        call(f"subquad_delete_{suffix}", at(index), size(index.nbytes), size(r), c.c_bool(False))
    call(f"subquad_seal_{suffix}", k, at(index), size(index.nbytes))
    counts, indices = np.zeros(n, np.uint32), np.zeros((n, m), np.uint32)
    call(f"subquad_query_{suffix}", best, k, at(index), size(index.nbytes), c.c_bool(True), size(n), size(d), at(x), scalar(threshold), size(m),
         at(counts), at(indices), None, *tail)
    there = np.arange(m) % 3 != 0
    assert all((indices[i, : counts[i]] == np.flatnonzero(truth[i] & there)).all() for i in range(n)), suffix
    print(f"{suffix}: a ball tree whose neurons come and go as numpy, {truth[:, there].sum()} fire")
    # Structures over samples that stay, when weights have moved.
    lens = [length(f"subquad_max_tree_scratch_len_{suffix}", m, d), length(f"subquad_candidates_scratch_len_{suffix}", m, d, n)]
    scratch = room(max(lens), dtype)
    tree = np.zeros(length(f"subquad_max_tree_len_{suffix}", m, d, n) // 8, np.uint64)
    lists = np.zeros(length(f"subquad_candidates_len_{suffix}", m, d, n, m) // 8, np.uint64)
    shape, tail = (size(m), size(d), size(n), at(w), at(x)), (at(scratch), size(scratch.size))
    call(f"subquad_max_tree_build_{suffix}", best, *shape, at(tree), size(tree.nbytes), *tail)
    call(f"subquad_candidates_build_{suffix}", best, *shape, scalar(threshold), c.c_double(0.05), size(m), at(lists), size(lists.nbytes), *tail)
    moved = np.arange(0, m, 50, dtype=np.uint32)
    w[moved] *= 2
    rows = np.ascontiguousarray(w[moved])
    call(f"subquad_max_tree_update_{suffix}", best, at(tree), size(tree.nbytes), at(moved), size(moved.size), size(d), at(rows), c.c_bool(True), *tail)
    call(f"subquad_candidates_advance_{suffix}", best, at(lists), size(lists.nbytes), size(m), size(d), at(w), c.c_bool(True), None, *tail)
    then = x.astype(np.float64) @ w.astype(np.float64).T > threshold
    counts, indices = np.zeros(n, np.uint32), np.zeros((n, m), np.uint32)
    answers = (size(m), at(counts), at(indices), None)
    call(f"subquad_max_tree_query_{suffix}", best, at(tree), size(tree.nbytes), c.c_bool(True), size(n), scalar(threshold), *answers, *tail)
    assert all((indices[i, : counts[i]] == np.flatnonzero(then[i])).all() for i in range(n)), suffix
    indices[:] = 0
    call(f"subquad_candidates_query_{suffix}", best, at(lists), size(lists.nbytes), c.c_bool(True), size(m), size(d), at(w), size(n), scalar(threshold), *answers)
    assert all((indices[i, : counts[i]] == np.flatnonzero(then[i])).all() for i in range(n)), suffix
    print(f"{suffix}: max tree and candidate lists as numpy, after {moved.size} neurons moved")
    print(f"{suffix}: scan, packed, screened, rotated and ball tree as numpy, {truth.sum()} of {truth.size} fire")

try:
    call("subquad_fwht_f32", best, None, size(8))
    raise SystemExit("a null pointer went through")
except RuntimeError as refused:
    print(refused)
