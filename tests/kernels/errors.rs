//! Every way in which a public function of the kernels refuses its arguments, and what it says: the figure that is at
//! fault, and the one that would fit. Dimensions whose products overflow are among them; none may panic.

#![allow(clippy::useless_vec, reason = "the macro `out!` serves shapes that are constants and shapes that are not")]
use subquad::blas::{self, Triangle};
use subquad::cg::{self, Identity, Jacobi, LinearOperator, Preconditioner, SharedCholesky, Stopping};
use subquad::hadamard::{self, Order, Signs, Transform};
use subquad::halfspace::{
    BallTree, Candidates, Check, Hits, MaxTree, Packed, Reporter, Rotated, Screened, Watcher, scan, scan_scratch_len,
};
use subquad::low_rank::Update;
use subquad::relu::{PatternMut, PatternRef, deep, fired, gram, pattern, two_layer};
use subquad::sketch::{Bounds, Factor, FixedStep, Sketched, Srht, TensorSketch, TensorSrht, fixed_step, fixed_step_scratch_len};
use subquad::sparse::{
    Columns, Panels, PanelsMut, SparseRef, Support, overlap_scratch_len, panels_len, spread_scratch_len, times_panels, transpose,
};
use subquad::{Error, Figure, Level, MatMut, MatRef};

const HUGE: usize = usize::MAX / 2 + 1;

/// Compares every refusal with its text, and names all that differ.
fn refusals(table: Vec<(&str, Result<(), Error>)>) {
    let mut wrong = String::new();
    for (wanted, found) in table {
        let found = match found {
            Ok(()) => "(nothing was refused)".to_string(),
            Err(error) => error.to_string(),
        };
        if found != wanted {
            wrong += &format!("\nwanted: {wanted}\nfound:  {found}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What is said of a product that is too large for this machine.
fn beyond(what: &str, left: usize, right: usize) -> String {
    format!("{what}: {left} x {right} does not fit {} bits", usize::BITS)
}

fn mat(x: &[f32], rows: usize, cols: usize) -> MatRef<'_, f32> {
    MatRef::new(x, rows, cols).unwrap()
}

/// Zeros for a matrix to be written.
macro_rules! out {
    ($rows:expr, $cols:expr) => {
        MatMut::new(&mut vec![0.0f32; $rows * $cols], $rows, $cols).unwrap()
    };
}

mod damage;
mod layers;

#[test]
fn matrices_and_patterns() {
    let x = [0.0f32; 6];
    let mut y = x;
    refusals(vec![
        ("matrix: rows x columns: expected 8, found 6", MatRef::new(&x, 2, 4).map(drop)),
        (&beyond("matrix: rows x columns", HUGE, 2), MatRef::new(&x, HUGE, 2).map(drop)),
        ("matrix: needs at least 9 elements, found 6", MatRef::with_strides(&x, 3, 3, 3, 1).map(drop)),
        (&beyond("matrix: rows x stride", 3, HUGE), MatRef::with_strides(&x, 3, 2, HUGE, 1).map(drop)),
        (&beyond("matrix: columns x stride", 3, HUGE), MatRef::with_strides(&x, 2, 3, 1, HUGE).map(drop)),
        (&beyond("matrix: rows x stride, and a row", 2, HUGE), MatRef::with_strides(&x, 2, 2, HUGE, HUGE).map(drop)),
        (&beyond("matrix: rows x stride, and a row", 2, HUGE), MatRef::with_strides(&x, 2, 2, HUGE, HUGE - 1).map(drop)),
        ("matrix: rows x columns: expected 8, found 6", MatMut::new(&mut y, 2, 4).map(drop)),
        (&beyond("matrix: rows x columns", HUGE, 2), MatMut::new(&mut y, HUGE, 2).map(drop)),
        ("matrix: stride: needs at least 3 elements, found 2", MatMut::with_stride(&mut y, 2, 3, 2).map(drop)),
        ("matrix: needs at least 7 elements, found 6", MatMut::with_stride(&mut y, 2, 3, 4).map(drop)),
        (&beyond("matrix: rows x stride", 3, HUGE), MatMut::with_stride(&mut y, 3, 3, HUGE).map(drop)),
        ("pattern: words: expected 6, found 5", PatternRef::new(&[0; 5], 3, 65).map(drop)),
        ("pattern: words: expected 6, found 5", PatternMut::new(&mut [0; 5], 3, 65).map(drop)),
        (&format!("pattern: words: expected {}, found 0", usize::MAX), PatternRef::new(&[], HUGE, usize::MAX).map(drop)),
        ("scratch: needs at least 5 elements, found 4", subquad::scratch::take(&mut [0.0f32; 4], 5).map(drop)),
        (
            "pattern: samples: expected 1, found 2",
            PatternRef::new(&[0; 1], 1, 5).unwrap().flips(Level::detect(), PatternRef::new(&[0; 2], 2, 5).unwrap()).map(drop),
        ),
        (
            "pattern: neurons: expected 5, found 6",
            PatternRef::new(&[0; 1], 1, 5).unwrap().flips(Level::detect(), PatternRef::new(&[0; 1], 1, 6).unwrap()).map(drop),
        ),
    ]);
}

#[test]
fn transforms() {
    let level = Level::detect();
    let t = Transform::<f32>::new();
    let dyadic = t.order(Order::Dyadic);
    let nine = "no Walsh-Hadamard transform of length 9; the nearest valid lengths are 8 and 12";
    let twelve = "no Walsh-Hadamard transform of length 12; the nearest valid lengths are 8 and 16";
    let mut out = [0.0f32; 2];
    let mut room = [0.0f32; 64];
    let need = hadamard::outputs_scratch_len(16, 2);
    let strided = [0.0f32; 32];
    refusals(vec![
        (nine, hadamard::fwht(level, &mut [0.0f32; 9])),
        ("no Walsh-Hadamard transform of length 0; the nearest valid lengths are 1", hadamard::fwht::<i16>(level, &mut [])),
        (nine, t.run(level, &mut [0.0; 9])),
        (twelve, dyadic.run(level, &mut [0.0; 12])),
        ("no Walsh-Hadamard transform of length 9; the nearest valid lengths are 8 and 16", dyadic.run(level, &mut [0.0; 9])),
        ("no Walsh-Hadamard transform of length 0; the nearest valid lengths are 1", dyadic.run(level, &mut [])),
        ("signs: needs at least 2 elements, found 1", t.signs(Signs::Bits(&[0])).run(level, &mut [0.0; 128])),
        ("signs: needs at least 2 elements, found 1", t.signs(Signs::Bits(&[0])).run(level, &mut [0.0; 80])),
        ("signs: needs at least 1 elements, found 0", t.signs(Signs::Bits(&[])).run(level, &mut [0.0; 12])),
        (nine, t.run_from(level, &[], &mut [0.0; 9])),
        ("to: needs at least 5 elements, found 4", t.run_from(level, &[0.0; 5], &mut [0.0; 4])),
        (nine, t.rows(level, out!(2, 9))),
        (twelve, dyadic.columns(level, out!(12, 2))),
        (nine, t.rows_from(level, mat(&[0.0; 18], 2, 9), out!(2, 9))),
        ("source: rows: expected 2, found 1", t.rows_from(level, mat(&[0.0; 8], 1, 8), out!(2, 8))),
        ("to: columns: needs at least 9 elements, found 8", t.rows_from(level, mat(&[0.0; 9], 1, 9), out!(1, 8))),
        (
            "source: stride of the columns: must be 1, found 2",
            t.rows_from(level, MatRef::with_strides(&strided, 1, 8, 16, 2).unwrap(), out!(1, 8)),
        ),
        (nine, t.columns(level, out!(9, 2))),
        (twelve, t.outputs(level, &[], 12, &[], &mut [], &mut [])),
        ("n: needs at least 5 elements, found 4", t.outputs(level, &[0.0; 5], 4, &[], &mut [], &mut [])),
        ("out: expected 2, found 1", t.outputs(level, &[], 16, &[0, 1], &mut out[..1], &mut room)),
        ("chosen: must be less than 16, found 16 at place 1", t.outputs(level, &[], 16, &[0, 16], &mut out, &mut room)),
        (
            &format!("scratch: needs at least {need} elements, found {}", need - 1),
            t.outputs(level, &[], 16, &[0, 1], &mut out, &mut room[..need - 1]),
        ),
        (
            &format!("no Walsh-Hadamard transform of length {}; the nearest valid lengths are {HUGE}", usize::MAX),
            t.outputs(level, &[], usize::MAX, &[], &mut [], &mut []),
        ),
        (
            &format!("scratch: needs at least {} elements, found 64", hadamard::outputs_scratch_len(HUGE, 2)),
            t.outputs(level, &[], HUGE, &[0, 1], &mut out, &mut room),
        ),
    ]);
    assert!(
        t.rows_from(level, MatRef::with_strides(&strided, 2, 1, 3, 2).unwrap(), out!(2, 8)).is_ok(),
        "of a single column any stride is right"
    );
    assert_eq!((hadamard::len_above(usize::MAX), hadamard::len_below(usize::MAX)), (None, Some(HUGE / 4 * 7)));
}

#[test]
fn products_and_factors() {
    let level = Level::detect();
    let x = [0.0f32; 12];
    let s = &mut [0.0f32; 40_000];
    let mut wide = [0.0f64; 40_000];
    let one_short = |need: usize| format!("scratch: needs at least {need} elements, found {}", need - 1);
    let (g, c, cs, q, cq, t) = (
        blas::gemm_scratch_len(2, 3, 4),
        blas::cholesky_scratch_len(3),
        blas::cholesky_solve_scratch_len(3),
        blas::qr_scratch_len(4, 3),
        blas::cholesky_qr_scratch_len(4, 3),
        blas::triangular_solve_scratch_len(3),
    );
    refusals(vec![
        ("dot: y: expected 12, found 11", blas::dot(level, &x, &x[1..]).map(drop)),
        ("axpy: y: expected 12, found 11", blas::axpy(level, 1.0, &x, &mut [0.0; 11])),
        ("xpby: y: expected 12, found 11", blas::xpby(level, &x, 1.0, &mut [0.0; 11])),
        ("gemm: rows of B: expected 4, found 3", blas::gemm(level, 1.0, mat(&x[..8], 2, 4), mat(&x[..9], 3, 3), 0.0, out!(2, 3), s)),
        ("gemm: rows of C: expected 2, found 3", blas::gemm(level, 1.0, mat(&x[..8], 2, 4), mat(&x, 4, 3), 0.0, out!(3, 3), s)),
        ("gemm: columns of C: expected 3, found 2", blas::gemm(level, 1.0, mat(&x[..8], 2, 4), mat(&x, 4, 3), 0.0, out!(2, 2), s)),
        (&one_short(g), blas::gemm(level, 1.0, mat(&x[..8], 2, 4), mat(&x, 4, 3), 0.0, out!(2, 3), &mut s[..g - 1])),
        ("syrk: rows of C: expected 3, found 2", blas::syrk(level, 1.0, mat(&x, 3, 4), 0.0, out!(2, 3), s)),
        ("syrk: columns of C: expected 3, found 2", blas::syrk(level, 1.0, mat(&x, 3, 4), 0.0, out!(3, 2), s)),
        (
            &one_short(blas::syrk_scratch_len(3, 4)),
            blas::syrk(level, 1.0, mat(&x, 3, 4), 0.0, out!(3, 3), &mut s[..blas::syrk_scratch_len(3, 4) - 1]),
        ),
        ("cholesky: columns: expected 3, found 2", blas::cholesky(level, out!(3, 2), s).map(drop)),
        (&one_short(c), blas::cholesky(level, out!(3, 3), &mut s[..c - 1]).map(drop)),
        ("cholesky_solve: columns of L: expected 3, found 4", blas::cholesky_solve(level, mat(&x, 3, 4), out!(3, 1), s)),
        ("cholesky_solve: rows of B: expected 3, found 2", blas::cholesky_solve(level, mat(&x[..9], 3, 3), out!(2, 1), s)),
        (&one_short(cs), blas::cholesky_solve(level, mat(&x[..9], 3, 3), out!(3, 1), &mut s[..cs - 1])),
        (&one_short(q), blas::qr(level, out!(3, 4), &mut s[..q - 1])),
        ("cholesky_qr: rows of R: expected 3, found 2", blas::cholesky_qr(level, mat(&x, 3, 4), out!(2, 3), &mut wide).map(drop)),
        ("cholesky_qr: columns of R: expected 3, found 2", blas::cholesky_qr(level, mat(&x, 3, 4), out!(3, 2), &mut wide).map(drop)),
        (&one_short(cq), blas::cholesky_qr(level, mat(&x, 3, 4), out!(3, 3), &mut wide[..cq - 1]).map(drop)),
        (
            "triangular_solve: columns of T: expected 3, found 4",
            blas::triangular_solve(level, Triangle::Lower, mat(&x, 3, 4), out!(3, 1), s),
        ),
        (
            "triangular_solve: rows of B: expected 3, found 2",
            blas::triangular_solve(level, Triangle::Upper, mat(&x[..9], 3, 3), out!(2, 1), s),
        ),
        (&one_short(t), blas::triangular_solve(level, Triangle::Upper, mat(&x[..9], 3, 3), out!(3, 1), &mut s[..t - 1])),
    ]);
}

struct Nothing(usize);
impl LinearOperator<f32> for Nothing {
    fn dim(&self) -> usize {
        self.0
    }
    fn apply(&self, _: Level, _: &[f32], _: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        Err(Error::value("operator", "one that works", Figure::Nothing))
    }
}
impl Preconditioner<f32> for Nothing {
    fn precondition(&self, _: Level, _: &[f32], _: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        Err(Error::value("preconditioner", "one that works", Figure::Nothing))
    }
}

#[test]
fn iterations() {
    let level = Level::detect();
    let b = [1.0f32; 3];
    let s = &mut [0.0f32; 4096];
    let stop = Stopping { relative: 0.1, absolute: 0.0, max_iterations: 3 };
    let negative = Stopping { relative: -0.1, ..stop };
    let nan = Stopping { absolute: f64::NAN, ..stop };
    let eye = [1.0f32, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let sketched = Sketched::new(mat(&eye, 3, 3), 192, 1).unwrap();
    let few = Sketched::new(mat(&eye, 3, 3), 191, 1).unwrap();
    let bounds = |low, high| FixedStep::Within(Bounds { low, high });
    let need = fixed_step_scratch_len(3, 0, Preconditioner::<f32>::scratch_len(&sketched));
    let (low, high) = ("fixed_step: low bound of the spectrum", "fixed_step: high bound of the spectrum");
    let (below, nothing) = (
        "relative tolerance: must be a number, and not negative, found -0.1",
        "absolute tolerance: must be a number, and not negative, found NaN",
    );
    refusals(vec![
        (
            "conjugate_gradient: b: expected 4, found 3",
            cg::conjugate_gradient(level, &Nothing(4), &Identity, &b, &mut [0.0; 4], stop, s).map(drop),
        ),
        (
            "conjugate_gradient: x: expected 3, found 2",
            cg::conjugate_gradient(level, &Nothing(3), &Identity, &b, &mut [0.0; 2], stop, s).map(drop),
        ),
        (
            &format!("conjugate_gradient: {below}"),
            cg::conjugate_gradient(level, &Nothing(3), &Identity, &b, &mut [0.0; 3], negative, s).map(drop),
        ),
        (
            &format!("conjugate_gradient: {nothing}"),
            cg::conjugate_gradient(level, &Nothing(3), &Identity, &b, &mut [0.0; 3], nan, s).map(drop),
        ),
        (
            "scratch: needs at least 12 elements, found 11",
            cg::conjugate_gradient(level, &Nothing(3), &Identity, &b, &mut [0.0; 3], stop, &mut s[..11]).map(drop),
        ),
        ("operator: must be one that works", cg::conjugate_gradient(level, &Nothing(3), &Identity, &b, &mut [0.0; 3], stop, s).map(drop)),
        (
            "preconditioner: must be one that works",
            cg::conjugate_gradient(level, &Nothing(3), &Nothing(3), &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        (
            &format!("conjugate_gradient: b: expected {HUGE}, found 3"),
            cg::conjugate_gradient(level, &Nothing(HUGE), &Identity, &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        ("precondition: z: expected 3, found 2", Identity.precondition(level, &b, &mut [0.0; 2], s)),
        ("Sketched: columns of the factor: expected 1, found 9", Sketched::new(mat(&eye, 1, 9), 9, 1).map(drop)),
        (
            "Sketched: rows of the sketch, one for each sample: needs at least 3 elements, found 2",
            Sketched::new(mat(&eye, 3, 3), 2, 1).map(drop),
        ),
        ("Sketched: diagonal of R: must be finite and not zero, found 0 at place 0", Sketched::new(mat(&eye[1..5], 2, 2), 2, 1).map(drop)),
        ("Sketched: r: expected 3, found 2", sketched.precondition(level, &b[..2], &mut [0.0; 3], s)),
        ("Sketched: z: expected 3, found 2", sketched.precondition(level, &b, &mut [0.0; 2], s)),
        (
            "fixed_step: b: expected 4, found 3",
            fixed_step(level, &Nothing(4), &sketched, FixedStep::Unit, &b, &mut [0.0; 4], stop, s).map(drop),
        ),
        (
            "fixed_step: g: expected 3, found 2",
            fixed_step(level, &Nothing(3), &sketched, FixedStep::Unit, &b, &mut [0.0; 2], stop, s).map(drop),
        ),
        (
            &format!("fixed_step: {below}"),
            fixed_step(level, &Nothing(3), &sketched, FixedStep::Unit, &b, &mut [0.0; 3], negative, s).map(drop),
        ),
        (
            "fixed_step: rows of the sketch for a step of 1, 64 for each sample: needs at least 192 elements, found 191",
            fixed_step(level, &Nothing(3), &few, FixedStep::Unit, &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        (
            &format!("{low}: must be finite and positive, found 0"),
            fixed_step(level, &Nothing(3), &few, bounds(0.0, 1.0), &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        (
            &format!("{high}: must be finite, and at least 2, found 1"),
            fixed_step(level, &Nothing(3), &few, bounds(2.0, 1.0), &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        (
            &format!("{high}: must be finite, and at least 1, found inf"),
            fixed_step(level, &Nothing(3), &few, bounds(1.0, f64::INFINITY), &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        (
            &format!("scratch: needs at least {need} elements, found {}", need - 1),
            fixed_step(level, &Nothing(3), &few, bounds(1.0, 1.0), &b, &mut [0.0; 3], stop, &mut s[..need - 1]).map(drop),
        ),
    ]);
}

#[test]
fn networks() {
    let level = Level::detect();
    let (n, d, m, c) = (2, 3, 5, 2);
    let z = [0.0f32; 64];
    let s = &mut vec![0.0f32; 1 << 16];
    let words = [0u64; 8];
    let (x, w, a, u) = (mat(&z[..6], n, d), mat(&z[..15], m, d), mat(&z[..10], c, m), mat(&z[..4], n, c));
    let p = PatternRef::new(&words[..2], n, m).unwrap();
    let (p3, pm) = (PatternRef::new(&words[..3], 3, m).unwrap(), PatternRef::new(&words[..2], n, 6).unwrap());
    let fl = two_layer::forward_scratch_len(d, m, c);
    let vl = two_layer::vjp_scratch_len(d, m, c);
    let gl = two_layer::gram_product_scratch_len(d, m, c);
    let short = |need: usize| format!("scratch: needs at least {need} elements, found {}", need - 1);
    let shift = |found: &str| format!("forward: shift: must be finite and not negative, found {found}");
    let (mut three, mut six) = ([0u64; 3], [0u64; 2]);
    refusals(vec![
        (
            "two_layer: columns of the weights, against columns of X: expected 3, found 5",
            two_layer::forward(level, x, mat(&z[..15], 3, 5), mat(&z[..6], c, 3), 0.0, None, out!(n, c), s),
        ),
        (
            "two_layer: columns of A, against rows of the weights: expected 5, found 4",
            two_layer::forward(level, x, w, mat(&z[..8], c, 4), 0.0, None, out!(n, c), s),
        ),
        (
            "two_layer: rows of the outputs, against rows of X: expected 2, found 3",
            two_layer::forward(level, x, w, a, 0.0, None, out!(3, c), s),
        ),
        (
            "two_layer: columns of the outputs, against rows of A: expected 2, found 1",
            two_layer::forward(level, x, w, a, 0.0, None, out!(n, 1), s),
        ),
        (&shift("-1"), two_layer::forward(level, x, w, a, -1.0, None, out!(n, c), s)),
        (&shift("NaN"), two_layer::forward(level, x, w, a, f32::NAN, None, out!(n, c), s)),
        (&shift("inf"), two_layer::forward(level, x, w, a, f32::INFINITY, None, out!(n, c), s)),
        (
            "forward: samples of the pattern: expected 2, found 3",
            two_layer::forward(level, x, w, a, 0.0, Some(PatternMut::new(&mut three, 3, m).unwrap()), out!(n, c), s),
        ),
        (
            "forward: neurons of the pattern: expected 5, found 6",
            two_layer::forward(level, x, w, a, 0.0, Some(PatternMut::new(&mut six, n, 6).unwrap()), out!(n, c), s),
        ),
        (&short(fl), two_layer::forward(level, x, w, a, 0.0, None, out!(n, c), &mut s[..fl - 1])),
        ("two_layer: samples of the pattern: expected 2, found 3", two_layer::jvp(level, x, a, p3, w, out!(n, c), s)),
        ("two_layer: neurons of the pattern: expected 5, found 6", two_layer::jvp(level, x, a, pm, w, out!(n, c), s)),
        (
            "two_layer: columns of A, against rows of the weights: expected 3, found 5",
            two_layer::jvp(level, x, a, p, mat(&z[..9], 3, d), out!(n, c), s),
        ),
        (
            &short(two_layer::jvp_scratch_len(d, m, c)),
            two_layer::jvp(level, x, a, p, w, out!(n, c), &mut s[..two_layer::jvp_scratch_len(d, m, c) - 1]),
        ),
        (
            "two_layer: rows of the outputs, against rows of X: expected 2, found 4",
            two_layer::vjp(level, x, a, p, mat(&z[..8], 4, c), out!(m, d), s),
        ),
        ("two_layer: columns of the weights, against columns of X: expected 3, found 4", two_layer::vjp(level, x, a, p, u, out!(m, 4), s)),
        ("two_layer: samples of the pattern: expected 2, found 3", two_layer::vjp(level, x, a, p3, u, out!(m, d), s)),
        (&short(vl), two_layer::vjp(level, x, a, p, u, out!(m, d), &mut s[..vl - 1])),
        (
            "two_layer: columns of the outputs, against rows of A: expected 2, found 3",
            two_layer::gram_product(level, x, a, p, u, out!(n, 3), s),
        ),
        (
            "two_layer: rows of the outputs, against rows of X: expected 2, found 4",
            two_layer::gram_product(level, x, a, p, mat(&z[..8], 4, c), out!(n, c), s),
        ),
        ("two_layer: neurons of the pattern: expected 5, found 6", two_layer::gram_product(level, x, a, pm, u, out!(n, c), s)),
        (&short(gl), two_layer::gram_product(level, x, a, p, u, out!(n, c), &mut s[..gl - 1])),
        ("overlaps: rows, against samples: expected 2, found 3", gram::overlaps(level, p, out!(3, 2))),
        ("overlaps: columns, against samples: expected 2, found 3", gram::overlaps(level, p, out!(2, 3))),
        ("gram: samples of the pattern: expected 2, found 3", gram::gram(level, x, p3, out!(n, n), s)),
        ("syrk: rows of C: expected 2, found 3", gram::gram(level, x, p, out!(3, 3), s)),
        (&short(gram::gram_scratch_len(n, d)), gram::gram(level, x, p, out!(n, n), &mut s[..gram::gram_scratch_len(n, d) - 1])),
        ("analytic_gram: shift: must be finite and not negative, found -1", gram::analytic_gram(level, x, -1.0, out!(n, n), s)),
        ("syrk: columns of C: expected 2, found 3", gram::analytic_gram(level, x, 0.0, out!(2, 3), s)),
        (&short(gram::gram_scratch_len(n, d)), gram::analytic_gram(level, x, 0.0, out!(n, n), &mut s[..gram::gram_scratch_len(n, d) - 1])),
    ]);
}

#[test]
fn sketches() {
    let level = Level::detect();
    let z = [0.0f32; 64];
    let s = &mut [0.0f32; 256];
    let srht = Srht::new(6, 4, 1).unwrap();
    let tensor = TensorSrht::new((2, 3), 4, 1).unwrap();
    let hashed = TensorSketch::new((2, 3), 4, 1).unwrap();
    let (x, p) = (mat(&z[..6], 2, 3), PatternRef::new(&[0; 2], 2, 2).unwrap());
    let (p3, pm) = (PatternRef::new(&[0; 3], 3, 2).unwrap(), PatternRef::new(&[0; 2], 2, 3).unwrap());
    let huge = |length: usize| format!("sketch: the next power of two of a length: {length} does not fit {} bits", usize::BITS);
    let short = |need: usize| format!("scratch: needs at least {need} elements, found {}", need - 1);
    let outside = Factor::Sparse { indices: &[2], values: &z[..1] };
    refusals(vec![
        (&huge(usize::MAX), Srht::new(usize::MAX, 4, 1).map(drop)),
        ("Srht: x: expected 6, found 5", Srht::accumulate(&srht, level, &z[..5], &mut [0.0; 4], s)),
        ("Srht: y: expected 4, found 3", srht.accumulate(level, &z[..6], &mut [0.0; 3], s)),
        (&short(srht.scratch_len()), srht.accumulate(level, &z[..6], &mut [0.0; 4], &mut s[..srht.scratch_len() - 1])),
        ("jacobian: samples of the pattern: expected 2, found 3", Srht::jacobian(&srht, level, x, &z[..2], p3, out!(2, 4), s)),
        ("jacobian: neurons of the pattern: expected 2, found 3", srht.jacobian(level, x, &z[..2], pm, out!(2, 4), s)),
        ("jacobian: rows of Y, against samples: expected 2, found 3", srht.jacobian(level, x, &z[..2], p, out!(3, 4), s)),
        ("jacobian: columns of Y, against rows of the sketch: expected 4, found 3", srht.jacobian(level, x, &z[..2], p, out!(2, 3), s)),
        (
            "jacobian: length of the sketched vectors, against neurons x inputs: expected 4, found 6",
            srht.jacobian(level, mat(&z[..4], 2, 2), &z[..2], p, out!(2, 4), s),
        ),
        (
            &beyond("jacobian: neurons x inputs", 2, HUGE),
            srht.jacobian(level, MatRef::new(&[], 0, HUGE).unwrap(), &z[..2], PatternRef::new(&[], 0, 2).unwrap(), out!(0, 4), s),
        ),
        (&huge(usize::MAX), TensorSrht::new((usize::MAX, 3), 4, 1).map(drop)),
        (&huge(HUGE + 1), TensorSrht::new((2, HUGE + 1), 4, 1).map(drop)),
        ("TensorSrht: u: expected 2, found 1", TensorSrht::accumulate(&tensor, level, &z[..1], &z[..3], &mut [0.0; 4], s)),
        ("TensorSrht: v: expected 3, found 4", tensor.accumulate(level, &z[..2], &z[..4], &mut [0.0; 4], s)),
        ("TensorSrht: y: expected 4, found 3", tensor.accumulate(level, &z[..2], &z[..3], &mut [0.0; 3], s)),
        (&short(tensor.scratch_len()), tensor.accumulate(level, &z[..2], &z[..3], &mut [0.0; 4], &mut s[..tensor.scratch_len() - 1])),
        (
            "jacobian: columns of X: expected 3, found 2",
            TensorSrht::jacobian(&tensor, level, mat(&z[..4], 2, 2), &z[..2], p, out!(2, 4), s),
        ),
        ("jacobian: neurons: expected 2, found 3", tensor.jacobian(level, x, &z[..3], pm, out!(2, 4), s)),
        ("no Walsh-Hadamard transform of length 6; the nearest valid lengths are 4 and 8", TensorSketch::new((2, 3), 6, 1).map(drop)),
        ("no Walsh-Hadamard transform of length 0; the nearest valid lengths are 1", TensorSketch::new((2, 3), 0, 1).map(drop)),
        (
            &format!("no Walsh-Hadamard transform of length {}; the nearest valid lengths are {HUGE}", usize::MAX),
            TensorSketch::new((2, 3), usize::MAX, 1).map(drop),
        ),
        ("TensorSketch: u: expected 2, found 1", TensorSketch::accumulate(&hashed, level, &z[..1], &z[..3], &mut [0.0; 4], s)),
        ("TensorSketch: v: expected 3, found 4", hashed.accumulate(level, &z[..2], &z[..4], &mut [0.0; 4], s)),
        ("TensorSketch: y: expected 4, found 3", hashed.accumulate(level, &z[..2], &z[..3], &mut [0.0; 3], s)),
        ("TensorSketch: u: needs at least 3 elements, found 2", hashed.accumulate(level, outside, &z[..3], &mut [0.0; 4], s)),
        (&short(hashed.scratch_len()), hashed.accumulate(level, &z[..2], &z[..3], &mut [0.0; 4], &mut s[..hashed.scratch_len() - 1])),
        (
            "jacobian: columns of X: expected 3, found 2",
            TensorSketch::jacobian(&hashed, level, mat(&z[..4], 2, 2), &z[..2], p, out!(2, 4), s),
        ),
        (
            &short(hashed.jacobian_scratch_len()),
            hashed.jacobian(level, x, &z[..2], p, out!(2, 4), &mut s[..hashed.jacobian_scratch_len() - 1]),
        ),
    ]);
    assert_eq!(TensorSketch::new((1, 1), HUGE, 0).unwrap().scratch_len(), usize::MAX);
    assert_eq!(TensorSrht::new((HUGE, HUGE), 1, 0).unwrap().scratch_len(), usize::MAX);
}

#[test]
fn sparse_matrices_and_updates() {
    let level = Level::detect();
    let short = |need: usize| format!("scratch: needs at least {need} elements, found {}", need - 1);
    let (starts, indices) = ([0, 2, 3], [0, 2, 1]);
    let support = Support::new(&starts, &indices, 3).unwrap();
    let (mut at, mut rows, mut places) = ([0; 4], [0; 3], [0; 3]);
    transpose(support, &mut at, &mut rows, &mut places).unwrap();
    let columns = Columns::new(&at, &rows, &places).unwrap();
    let none = Columns::new(&[0, 0, 0, 0], &[], &[]).unwrap();
    let two = Columns::new(&[0, 0, 3], &rows, &places).unwrap();
    let z = [1.0f32; 64];
    let a = SparseRef::new(support, 1, &z[..3]).unwrap();
    let deep = SparseRef::new(support, 2, &z[..6]).unwrap();
    let one = Support::new(&[0, 1], &[1], 3).unwrap();
    let row = SparseRef::new(one, 1, &z[..1]).unwrap();
    let broad = Support::new(&[0, 1], &[1], 4).unwrap();
    let update = Update::new((a, columns), (a, columns)).unwrap();
    let s = &mut [0.0f32; 60_000];
    let (query, back, dense) = (update.query_scratch_len(2), update.transposed_query_scratch_len(1), update.fold_dense_scratch_len());
    let mut w = vec![0.0f32; panels_len(3, 3)];
    let panels = Panels::row_major(&z[..6], 3, 2).unwrap();
    refusals(vec![
        ("support: starts: needs at least 1 elements, found 0", Support::new(&[], &[], 3).map(drop)),
        ("support: first start: expected 0, found 1", Support::new(&[1, 1], &[0], 3).map(drop)),
        ("support: indices: expected 2, found 1", Support::new(&[0, 2], &[0], 3).map(drop)),
        ("support: starts: must be ascending, so at least 2, found 1 at place 2", Support::new(&[0, 2, 1, 3], &[0, 1, 2], 3).map(drop)),
        (
            "support: columns of a row: must be strictly ascending, so more than 1, found 1 at place 1",
            Support::new(&[0, 2], &[1, 1], 3).map(drop),
        ),
        ("support: columns of a row: must be less than 3, found 3 at place 0", Support::new(&[0, 1], &[3], 3).map(drop)),
        ("sparse: numbers, against places x depth: expected 6, found 5", SparseRef::new(support, 2, &z[..5]).map(drop)),
        (
            &format!("sparse: numbers, against places x depth: expected {}, found 5", usize::MAX),
            SparseRef::new(support, HUGE, &z[..5]).map(drop),
        ),
        ("columns: starts: needs at least 1 elements, found 0", Columns::new(&[], &[], &[]).map(drop)),
        ("columns: first start: expected 0, found 1", Columns::new(&[1, 1], &[0], &[0]).map(drop)),
        ("columns: rows: expected 2, found 1", Columns::new(&[0, 2], &[0], &[0, 0]).map(drop)),
        ("columns: places: expected 1, found 2", Columns::new(&[0, 1], &[0], &[0, 0]).map(drop)),
        ("columns: starts: must be ascending, so at least 1, found 0 at place 2", Columns::new(&[0, 1, 0, 1], &[0], &[0]).map(drop)),
        ("transpose: starts: expected 4, found 3", transpose(support, &mut [0; 3], &mut [0; 3], &mut [0; 3])),
        ("transpose: rows: expected 3, found 2", transpose(support, &mut [0; 4], &mut [0; 2], &mut [0; 3])),
        ("transpose: places: expected 3, found 2", transpose(support, &mut [0; 4], &mut [0; 3], &mut [0; 2])),
        (&format!("panels: expected {}, found 9", panels_len(3, 3)), Panels::packed(&z[..9], 3, 3).map(drop)),
        ("matrix: rows x columns: expected 9, found 8", Panels::row_major(&z[..8], 3, 3).map(drop)),
        (&beyond("matrix: rows x columns", HUGE, 2), Panels::row_major(&z[..8], HUGE, 2).map(drop)),
        ("update: rows of V: expected 2, found 1", Update::new((a, columns), (row, columns)).map(drop)),
        ("update: depth: expected 1, found 2", Update::new((deep, columns), (a, columns)).map(drop)),
        ("update: columns: expected 3, found 2", Update::new((a, two), (a, columns)).map(drop)),
        ("update: places: expected 3, found 0", Update::new((a, none), (a, columns)).map(drop)),
        (&short(query), update.query(level, 1.0, (a, columns), out!(2, 3), &mut s[..query - 1])),
        ("overlap: depth of B: expected 1, found 2", update.query(level, 1.0, (deep, columns), out!(2, 3), s)),
        ("spread: rows of Z: expected 2, found 1", update.query(level, 1.0, (a, columns), out!(1, 3), s)),
        ("spread: columns of Z: expected 3, found 2", update.query(level, 1.0, (a, columns), out!(2, 2), s)),
        ("transposed query: rows: expected 2, found 1", update.transposed_query(level, a, one, &mut [0.0; 1], s)),
        ("transposed query: result: expected 3, found 2", update.transposed_query(level, a, support, &mut [0.0; 2], s)),
        (&short(back), update.transposed_query(level, a, support, &mut [0.0; 3], &mut s[..back - 1])),
        ("fold: rows of W^T: expected 3, found 0", update.fold_sparse(&mut PanelsMut::packed(&mut [], 0, 3).unwrap())),
        ("fold: columns of W^T: expected 3, found 0", update.fold_dense(level, &mut PanelsMut::packed(&mut [], 3, 0).unwrap(), s)),
        (&short(dense), update.fold_dense(level, &mut PanelsMut::packed(&mut w, 3, 3).unwrap(), &mut s[..dense - 1])),
        ("times_panels: depth of A: expected 1, found 2", times_panels(level, deep, panels, false, out!(2, 2))),
        (
            "transposed query: outputs: expected 3, found 4",
            update.transposed_query(level, SparseRef::new(broad, 1, &z[..1]).unwrap(), one, &mut [0.0; 1], s),
        ),
        ("transposed query: inputs: expected 3, found 4", update.transposed_query(level, row, broad, &mut [0.0; 1], s)),
        (
            "times_panels: rows of B: expected 3, found 2",
            times_panels(level, a, Panels::row_major(&z[..4], 2, 2).unwrap(), false, out!(2, 2)),
        ),
        ("times_panels: rows of the result: expected 2, found 3", times_panels(level, a, panels, false, out!(3, 2))),
        ("times_panels: columns of the result: expected 2, found 3", times_panels(level, a, panels, false, out!(2, 3))),
    ]);
}

#[test]
fn preconditioners_and_several_sides() {
    let level = Level::detect();
    let (b, eye) = ([1.0f32; 6], [1.0f32, 0.0, 0.0, 1.0]);
    let s = &mut [0.0f32; 4096];
    let stop = Stopping { relative: 0.1, absolute: 0.0, max_iterations: 3 };
    let bad = Stopping { absolute: -1.0, ..stop };
    let jacobi = Jacobi::new(&b[..2], 3).unwrap();
    let shared = SharedCholesky::new(mat(&eye, 2, 2), 3).unwrap();
    let mut columns = [cg::Column::default(); 2];
    let need = cg::conjugate_gradient_rows_scratch_len(3, 2, 0, 0);
    let turned = mat(&b, 3, 2).t();
    let mut watch = cg::Watch::default();
    let mut rows = |b: MatRef<'_, f32>, x: MatMut<'_, f32>, stop: Stopping, columns: &mut [cg::Column], s: &mut [f32]| {
        cg::conjugate_gradient_rows(level, &Nothing(3), &Identity, b, x, stop, &mut watch, columns, s)
    };
    refusals(vec![
        ("Jacobi: diagonal: must be positive and finite, found 0 at place 1", Jacobi::new(&[1.0f32, 0.0], 1).map(drop)),
        ("Jacobi: diagonal: must be positive and finite, found NaN at place 0", Jacobi::new(&[f32::NAN], 1).map(drop)),
        ("apply_rows: rows of Y: expected 2, found 1", Nothing(3).apply_rows(level, mat(&b, 2, 3), out!(1, 3), s)),
        ("precondition_rows: rows of Z: expected 2, found 1", Nothing(3).precondition_rows(level, mat(&b, 2, 3), out!(1, 3), s)),
        ("Jacobi: r: expected 6, found 5", jacobi.precondition(level, &b[..5], &mut [0.0; 5], s)),
        ("Jacobi: z: expected 6, found 5", jacobi.precondition(level, &b, &mut [0.0; 5], s)),
        ("SharedCholesky: columns of the factor: expected 1, found 4", SharedCholesky::new(mat(&eye, 1, 4), 1).map(drop)),
        (
            "SharedCholesky: diagonal of the factor: must be positive and finite, found 0 at place 0",
            SharedCholesky::new(mat(&[0.0; 4], 2, 2), 1).map(drop),
        ),
        ("SharedCholesky: r: expected 6, found 5", shared.precondition(level, &b[..5], &mut [0.0; 5], s)),
        ("SharedCholesky: z: expected 6, found 5", shared.precondition(level, &b, &mut [0.0; 5], s)),
        ("conjugate_gradient_rows: columns of B: expected 3, found 2", rows(mat(&b, 3, 2), out!(3, 2), stop, &mut columns, s)),
        ("conjugate_gradient_rows: rows of X: expected 2, found 3", rows(mat(&b, 2, 3), out!(3, 3), stop, &mut columns, s)),
        ("conjugate_gradient_rows: columns of X: expected 3, found 2", rows(mat(&b, 2, 3), out!(2, 2), stop, &mut columns, s)),
        ("conjugate_gradient_rows: reports: expected 2, found 1", rows(mat(&b, 2, 3), out!(2, 3), stop, &mut columns[..1], s)),
        ("conjugate_gradient_rows: column stride of B: must be 1, found 2", rows(turned, out!(2, 3), stop, &mut columns, s)),
        (
            "conjugate_gradient: absolute tolerance: must be a number, and not negative, found -1",
            rows(mat(&b, 2, 3), out!(2, 3), bad, &mut columns, s),
        ),
        (
            &format!("scratch: needs at least {need} elements, found {}", need - 1),
            rows(mat(&b, 2, 3), out!(2, 3), stop, &mut columns, &mut s[..need - 1]),
        ),
    ]);
}

#[cfg(feature = "parallel")]
#[test]
fn transforms_on_threads() {
    let level = Level::detect();
    let t = Transform::<f32>::new();
    let nine = "no Walsh-Hadamard transform of length 9; the nearest valid lengths are 8 and 12";
    let twelve = "no Walsh-Hadamard transform of length 12; the nearest valid lengths are 8 and 16";
    let bits = "signs: needs at least 2 elements, found 1";
    refusals(vec![
        (nine, t.run_parallel(level, &mut [0.0; 9])),
        (twelve, t.order(Order::Dyadic).run_parallel(level, &mut [0.0; 12])),
        (bits, t.signs(Signs::Bits(&[0])).run_parallel(level, &mut [0.0; 128])),
        (nine, t.rows_parallel(level, out!(2, 9))),
        (nine, t.columns_parallel(level, out!(9, 2))),
    ]);
}

/// Room for an index.
fn words(bytes: usize) -> Vec<u64> {
    vec![0; bytes / 8]
}

#[test]
fn reporting() {
    let level = Level::detect();
    let (m, d, n) = (5, 3, 2);
    let z = [0.25f32; 64];
    let (w, x, narrow) = (mat(&z[..15], m, d), mat(&z[..6], n, d), mat(&z[..4], n, 2));
    let s = &mut vec![0.0f32; 1 << 15];
    let (mut c, mut ids, mut c1, mut ids1) = ([0u32; 2], [0u32; 8], [0u32; 1], [0u32; 4]);
    let short = |need: usize| format!("scratch: needs at least {need} elements, found {}", need - 1);
    let sl = scan_scratch_len(d, m);
    refusals(vec![
        ("hits: indices, against queries x room: expected 10, found 8", Hits::<f32>::new(&mut c, &mut ids, 5).map(drop)),
        (
            &format!("hits: indices, against queries x room: expected {}, found 8", usize::MAX),
            Hits::<f32>::new(&mut c, &mut ids, usize::MAX).map(drop),
        ),
        (
            "hits: values, against indices: expected 8, found 7",
            Hits::new(&mut c, &mut ids, 4).unwrap().with_values(&mut [0.0f32; 7]).map(drop),
        ),
        (
            "scan: columns of X, against columns of W: expected 3, found 2",
            scan(level, w, narrow, 0.0, &mut Hits::new(&mut c, &mut ids, 4).unwrap(), s),
        ),
        (
            "scan: queries of the hits, against rows of X: expected 2, found 1",
            scan(level, w, x, 0.0, &mut Hits::new(&mut c1, &mut ids1, 4).unwrap(), s),
        ),
        (&short(sl), scan(level, w, x, 0.0, &mut Hits::new(&mut c, &mut ids, 4).unwrap(), &mut s[..sl - 1])),
    ]);
    if usize::BITS == 64 {
        let many = MatRef::<f32>::new(&[], 1 << 32, 0).unwrap();
        let mut hits = Hits::new(&mut c1, &mut ids1, 4).unwrap();
        let found = scan(level, many, mat(&[], 1, 0), 0.0, &mut hits, s);
        refusals(vec![
            ("scan: number of neurons as a 32-bit index: 4294967296 does not fit 32 bits", found),
            (
                "index: number of neurons as a 32-bit index: 4294967296 does not fit 32 bits",
                Packed::build(many, &mut [0u8; 0][..]).map(drop),
            ),
        ]);
    }

    macro_rules! reporter {
        ($Index:ident, $build:expr) => {{
            let len = $Index::<&[u8], f32>::storage_len(m, d);
            let mut memory = words(len + 64);
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
            let build: fn(MatRef<'_, f32>, &mut [u8], &mut [f32]) -> Result<(), Error> = $build;
            let shorter = format!("index: bytes: needs at least {len} elements, found {}", len - 1);
            refusals(vec![
                (&shorter, build(w, &mut bytes[..len - 1], s)),
                ("index: address of the first byte, modulo 8: must be 0, found 4", build(w, &mut bytes[4..], s)),
            ]);
            build(w, bytes, s).unwrap();
            let open = |bytes: &[u8]| $Index::<_, f32>::open(bytes, Check::Everything).map(drop);
            let with = |at: usize, value: u8| {
                let mut copy = words(len + 64);
                let copy: &mut [u8] = bytemuck::cast_slice_mut(&mut copy);
                copy.copy_from_slice(bytes);
                copy[at] = value;
                open(copy)
            };
            let kind = bytes[12] as usize;
            // The number of neurons is a word: where addresses have 32 bits, it does not even fit them.
            let wide = if usize::BITS == 64 { "index: number of neurons as a 32-bit index" } else { "index: a dimension" };
            let wide = format!("{wide}: {} does not fit 32 bits", (1u64 << 32) + m as u64);
            // Of the numbers of a header only their first halves differ: sums are read from the bytes.
            let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            let sum = |at: usize, value: u8| {
                let refused = with(at, value).unwrap_err();
                let Error::Value { limit: Figure::Bits(wanted), found: Figure::Bits(found), .. } = refused else { panic!("{refused}") };
                assert!(wanted != found && found == word(24) ^ u64::from(at == 24));
                let start = "index: checksum: must be that of the bytes (they were damaged, or changed and not sealed),";
                assert_eq!(refused.to_string(), format!("{start} {wanted:#x}, found {found:#x}"));
            };
            sum(len - 1, 9);
            sum(24, bytes[24] ^ 1);
            refusals(vec![
                ("index: header: needs at least 128 elements, found 127", open(&bytes[..127])),
                (&shorter, open(&bytes[..len - 1])),
                ("index: address of the first byte, modulo 8: must be 0, found 4", open(&bytes[4..])),
                ("index: first eight bytes: must be those of a half-space index, `subquadH`, 0x4864617571627573, found 0x4864617571627500", with(0, 0)),
                ("index: version: expected 1, found 2", with(8, 2)),
                (&format!("index: kind of structure: expected {kind}, found 77"), with(12, 77)),
                ("index: bytes of a float: expected 4, found 8", with(14, 8)),
                (&wide, with(36, 1)),
            ]);
            let lengths = with(16, bytes[16] ^ 1).unwrap_err().to_string();
            assert!(lengths.starts_with(&format!("index: bytes, as its dimensions have it: expected {len}, found ")), "{lengths}");
            let mut index = $Index::<_, f32>::open(&mut *bytes, Check::Everything).unwrap();
            let need = index.scratch_len();
            assert_eq!(need, $Index::<&[u8], f32>::query_scratch_len(m, d));
            refusals(vec![
                (
                    "query: columns of X, against columns of W: expected 3, found 2",
                    index.query_batch(level, narrow, 0.0, &mut Hits::new(&mut c, &mut ids, 4).unwrap(), s),
                ),
                (
                    "query: columns of X, against columns of W: expected 3, found 2",
                    index.query(level, &z[..2], 0.0, &mut Hits::new(&mut c1, &mut ids1, 4).unwrap(), s),
                ),
                (
                    "query: queries of the hits, against rows of X: expected 2, found 1",
                    index.query_batch(level, x, 0.0, &mut Hits::new(&mut c1, &mut ids1, 4).unwrap(), s),
                ),
                (&short(need), index.query_batch(level, x, 0.0, &mut Hits::new(&mut c, &mut ids, 4).unwrap(), &mut s[..need - 1])),
                ("update: length of the row: expected 3, found 2", $Index::update(&mut index, level, 0, &z[..2])),
                ("update: neuron: must be less than 5, found 5", $Index::update(&mut index, level, m, &z[..3])),
                ("verify: rows of W: expected 5, found 4", index.verify(mat(&z[..12], 4, 3))),
                ("verify: columns of W: expected 3, found 2", index.verify(mat(&z[..10], 5, 2))),
                ("verify: weights of the index: must be those handed over, bit for bit, 0.5, found 0.25 at place 0", index.verify(mat(&[0.5; 15], 5, 3))),
            ]);
        }};
    }
    damage::rotated_bytes(w);
    reporter!(Packed, |w, bytes, _| Packed::build(w, bytes).map(drop));
    reporter!(Screened, |w, bytes, _| Screened::build(w, bytes).map(drop));
    reporter!(Rotated, |w, bytes, _| Rotated::build(Level::detect(), w, 1, bytes).map(drop));
    reporter!(BallTree, |w, bytes, s| BallTree::build(w, bytes, s).map(drop));

    let len = BallTree::<&[u8], f32>::storage_len(m, d);
    let mut memory = words(len);
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    let (b, r) = (BallTree::<&[u8], f32>::build_scratch_len(m, d), BallTree::<&[u8], f32>::rebalance_scratch_len(m, d));
    refusals(vec![(&short(b), BallTree::build(w, &mut *bytes, &mut s[..b - 1]).map(drop))]);
    let mut tree = BallTree::build(w, bytes, s).unwrap();
    refusals(vec![
        (&short(r), tree.rebalance(&mut s[..r - 1])),
        ("insert: length of the row: expected 3, found 2", tree.insert(level, 0, &z[..2])),
        ("insert: neuron: must be less than 5, found 5", tree.insert(level, m, &z[..3])),
        ("insert: neuron: must be one that is not there, found 0", tree.insert(level, 0, &z[..3])),
        ("delete: neuron: must be less than 5, found 5", tree.delete(m)),
        ("delete: neuron: must be one that is there, found 0", tree.delete(0).and_then(|()| tree.delete(0))),
        (
            "build: room for neurons: needs at least 5 elements, found 4",
            BallTree::build_with_room(w, m - 1, bytemuck::cast_slice_mut::<u64, u8>(&mut words(len)), s).map(drop),
        ),
    ]);
    let mut memory = words(Screened::<&[u8], f32>::storage_len(m, d));
    let screened = Screened::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut memory)).unwrap();
    let mut memory = words(Rotated::<&[u8], f32>::storage_len(m, d));
    let rotated = Rotated::build(level, w, 1, bytemuck::cast_slice_mut::<_, u8>(&mut memory)).unwrap();
    let counting = |x: MatRef<'_, f32>, queries: usize, room: usize| {
        let (mut counts, mut s) = ([0; 2], vec![0.0; room]);
        let mut hits = Hits::new(&mut counts[..queries], &mut [], 0).unwrap();
        let of_screened = Screened::query_batch_counting(&screened, level, x, 0.0, &mut hits, &mut s).map(drop);
        (of_screened, Rotated::query_batch_counting(&rotated, level, x, 0.0, &mut hits, &mut s).map(drop))
    };
    let need = Rotated::<&[u8], f32>::query_scratch_len(m, d);
    let (of_screened, of_rotated) = (counting(x, 1, need), counting(narrow, 2, need));
    refusals(vec![
        ("query: queries of the hits, against rows of X: expected 2, found 1", of_screened.0),
        ("query: queries of the hits, against rows of X: expected 2, found 1", of_screened.1),
        ("query: columns of X, against columns of W: expected 3, found 2", of_rotated.0),
        ("query: columns of X, against columns of W: expected 3, found 2", of_rotated.1),
        (&short(screened.scratch_len()), counting(x, 2, screened.scratch_len() - 1).0),
        (&short(need), counting(x, 2, need - 1).1),
    ]);
    let (broad, mut room) = (MatRef::<f32>::new(&[], 0, 65_537).unwrap(), words(1024));
    refusals(vec![(
        "screened: d: must be small enough for sums of 32 bits, at most 65536, found 65537",
        Screened::build(broad, bytemuck::cast_slice_mut::<_, u8>(&mut room)).map(drop),
    )]);
}

#[test]
fn moving_weights() {
    let level = Level::detect();
    let (m, d, n) = (5, 3, 2);
    let z = [0.25f32; 64];
    let (w, x, narrow) = (mat(&z[..15], m, d), mat(&z[..6], n, d), mat(&z[..4], n, 2));
    let s = &mut vec![0.0f32; 1 << 15];
    let (mut c, mut ids, mut c1, mut ids1) = ([0u32; 2], [0u32; 8], [0u32; 1], [0u32; 4]);
    let short = |need: usize| format!("scratch: needs at least {need} elements, found {}", need - 1);
    let (sl, ql) = (MaxTree::<&[u8], f32>::build_scratch_len(m, d), MaxTree::<&[u8], f32>::query_scratch_len(m, d));
    let mut memory = words(MaxTree::<&[u8], f32>::storage_len(m, d, n));
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    refusals(vec![
        ("max tree: columns of X, against columns of W: expected 3, found 2", MaxTree::build(level, w, narrow, &mut *bytes, s).map(drop)),
        (&short(sl), MaxTree::build(level, w, x, &mut *bytes, &mut s[..sl - 1]).map(drop)),
    ]);
    MaxTree::build(level, w, x, &mut *bytes, s).unwrap();
    let tree_len = bytes.len();
    refusals(vec![
        ("index: header: needs at least 128 elements, found 127", MaxTree::<_, f32>::open(&bytes[..127], Check::Header).map(drop)),
        (
            &format!("index: bytes: needs at least {tree_len} elements, found {}", tree_len - 1),
            MaxTree::<_, f32>::open(&bytes[..tree_len - 1], Check::Header).map(drop),
        ),
        ("index: bytes of a float: expected 8, found 4", MaxTree::<_, f64>::open(&*bytes, Check::Header).map(drop)),
        ("index: kind of structure: expected 5, found 3", Candidates::<_, f32>::open(&*bytes, Check::Header).map(drop)),
    ]);
    let mut tree = MaxTree::<_, f32>::open(bytes, Check::Everything).unwrap();
    macro_rules! hits {
        (1) => {
            &mut Hits::new(&mut c1, &mut ids1, 4).unwrap()
        };
        (2) => {
            &mut Hits::new(&mut c, &mut ids, 4).unwrap()
        };
    }
    refusals(vec![
        ("query: queries of the hits: expected 1, found 2", tree.query(level, w, 0, 0.0, hits!(2), s)),
        ("query: end of the samples: must be at most 2, found 3", tree.query(level, w, n, 0.0, hits!(1), s)),
        ("query: queries of the hits, against samples: expected 2, found 1", tree.query_batch(level, w, 0.0, hits!(1), s)),
        ("query: rows of W: expected 5, found 4", tree.query_batch(level, mat(&z[..12], 4, 3), 0.0, hits!(2), s)),
        ("query: columns of W: expected 3, found 2", tree.query_batch(level, mat(&z[..10], 5, 2), 0.0, hits!(2), s)),
        (&short(ql), tree.query_batch(level, w, 0.0, hits!(2), &mut s[..ql - 1])),
        ("verify: rows of W: expected 5, found 4", tree.verify(level, mat(&z[..12], 4, 3), s)),
        ("verify: columns of W: expected 3, found 2", tree.verify(level, mat(&z[..10], 5, 2), s)),
        (
            "verify: values in the trees: must be those of the weights, 0.375, found 0.1875 at place 0",
            tree.verify(level, mat(&[0.5; 15], 5, 3), s),
        ),
        (&short(sl), tree.verify(level, w, &mut s[..sl - 1])),
        ("update: length of the row: expected 3, found 2", MaxTree::update(&mut tree, level, 0, &z[..2])),
        ("update: neuron: must be less than 5, found 5", tree.update(level, m, &z[..3])),
        ("update: rows of W, against neurons: expected 1, found 2", tree.update_batch(level, &[0], mat(&z[..6], 2, 3), s)),
        ("update: columns of W: expected 3, found 2", tree.update_batch(level, &[0], mat(&z[..2], 1, 2), s)),
        ("update: neuron: must be less than 5, found 5 at place 0", tree.update_batch(level, &[5], mat(&z[..3], 1, 3), s)),
        (&short(sl), tree.update_batch(level, &[0], mat(&z[..3], 1, 3), &mut s[..sl - 1])),
        ("replace: length of the sample: expected 3, found 2", tree.replace(level, 0, &z[..2], w, s)),
        ("replace: rows of W: expected 5, found 4", tree.replace(level, 0, &z[..3], mat(&z[..12], 4, 3), s)),
        ("replace: columns of W: expected 3, found 2", tree.replace(level, 0, &z[..3], mat(&z[..10], 5, 2), s)),
        ("replace: sample: must be less than 2, found 2", tree.replace(level, n, &z[..3], w, s)),
        (&short(sl), tree.replace(level, 0, &z[..3], w, &mut s[..sl - 1])),
    ]);

    let sl = Candidates::<&[u8], f32>::build_scratch_len(m, d, n);
    let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, 4));
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    let rho = |found: &str| format!("candidates: rho: must be not negative, and at most 1.2e15, found {found}");
    refusals(vec![
        (
            "candidates: columns of X, against columns of W: expected 3, found 2",
            Candidates::build(level, w, narrow, 0.0, 0.1, 4, &mut *bytes, s).map(drop),
        ),
        (&rho("-0.1"), Candidates::build(level, w, x, 0.0, -0.1, 4, &mut *bytes, s).map(drop)),
        (&rho("NaN"), Candidates::build(level, w, x, 0.0, f64::NAN, 4, &mut *bytes, s).map(drop)),
        (&rho("inf"), Candidates::build(level, w, x, 0.0, f64::INFINITY, 4, &mut *bytes, s).map(drop)),
        (&short(sl), Candidates::build(level, w, x, 0.0, 0.1, 4, &mut *bytes, &mut s[..sl - 1]).map(drop)),
        (
            &format!("index: bytes: needs at least {} elements, found {}", usize::MAX, bytes.len()),
            Candidates::build(level, w, x, 0.0, 0.1, HUGE, &mut *bytes, s).map(drop),
        ),
    ]);
    Candidates::build(level, w, x, 0.0, 0.1, 4, &mut *bytes, s).unwrap();
    let lists_len = bytes.len();
    refusals(vec![
        (
            &format!("index: bytes: needs at least {lists_len} elements, found {}", lists_len - 1),
            Candidates::<_, f32>::open(&bytes[..lists_len - 1], Check::Header).map(drop),
        ),
        ("index: kind of structure: expected 3, found 5", MaxTree::<_, f32>::open(&*bytes, Check::Header).map(drop)),
    ]);
    let mut index = Candidates::<_, f32>::open(bytes, Check::Everything).unwrap();
    let columns = MatRef::with_strides(&z, m, d, 6, 2).unwrap();
    refusals(vec![
        ("query: queries of the hits: expected 1, found 2", index.query(level, w, 0, 0.0, hits!(2), &mut [])),
        ("query: end of the samples: must be at most 2, found 3", index.query(level, w, n, 0.0, hits!(1), &mut [])),
        ("query: queries of the hits, against samples: expected 2, found 1", index.query_batch(level, w, 0.0, hits!(1), &mut [])),
        ("query: rows of W: expected 5, found 4", index.query_batch(level, mat(&z[..12], 4, 3), 0.0, hits!(2), &mut [])),
        ("query: columns of W: expected 3, found 2", index.query_batch(level, mat(&z[..10], 5, 2), 0.0, hits!(2), &mut [])),
        ("query: threshold: must be at least that of the lists, 0, found -0.1", index.query_batch(level, w, -0.1, hits!(2), &mut [])),
        ("query: column stride of W: must be 1, found 2", index.query_batch(level, columns, 0.0, hits!(2), &mut [])),
        ("verify: rows of W: expected 5, found 4", index.verify(level, mat(&z[..12], 4, 3), &mut [])),
        ("verify: columns of W: expected 3, found 2", index.verify(level, mat(&z[..10], 5, 2), &mut [])),
        (
            "verify: drift of the neurons: must be at least what they have moved, 0.43301532, found 0 at place 0",
            index.verify(level, mat(&[0.5; 15], 5, 3), &mut []),
        ),
        ("update: length of the row: expected 3, found 2", Candidates::update(&mut index, level, 0, &z[..2])),
        ("update: neuron: must be less than 5, found 5", index.update(level, m, &z[..3])),
        ("update: rows of W: expected 5, found 4", index.update_all(level, mat(&z[..12], 4, 3))),
        ("update: columns of W: expected 3, found 2", index.update_all(level, mat(&z[..10], 5, 2))),
        ("update: column stride of W: must be 1, found 2", index.update_all(level, columns)),
        ("update: rows of W: expected 5, found 4", index.advance(level, mat(&z[..12], 4, 3), s).map(drop)),
        ("rebuild: rows of W: expected 5, found 4", index.rebuild(level, mat(&z[..12], 4, 3), 0.1, s)),
        ("rebuild: columns of W: expected 3, found 2", index.rebuild(level, mat(&z[..10], 5, 2), 0.1, s)),
        (&rho("-1"), index.rebuild(level, w, -1.0, s)),
        (&short(sl), index.rebuild(level, w, 0.1, &mut s[..sl - 1])),
    ]);
}

/// Whoever adds a function that can refuse writes down here what it says. Functions of several threads refuse what those of
/// one refuse. Of a name that several types or rooms have, each is called by its full name.
#[test]
#[cfg(all(feature = "std", not(target_family = "wasm")))]
fn no_function_is_left_out() {
    let source = concat!(include_str!("errors.rs"), include_str!("errors/layers.rs"));
    // What a macro calls, it calls of each type that it is written for.
    let types = source.split("    reporter!(").skip(1).filter_map(|call| call.split(',').next());
    let tests = types.fold(source.to_string(), |tests, of| tests + &source.replace("$Index", of));
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !["train", "capi", "bin", "simd"].iter().any(|room| path.ends_with(room)) {
                    folders.push(path);
                }
                continue;
            }
            if ["train.rs", "capi.rs", "parallel.rs"].iter().any(|file| path.ends_with(file)) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let room = |path: &std::path::Path| path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_string();
            for (at, _) in text.match_indices("pub fn ") {
                let signature = &text[at + 7..][..text[at..].find([';', '{']).map_or(0, |end| end - 7)];
                if !signature.contains("Result<") {
                    continue;
                }
                let name = signature.split(['(', '<']).next().unwrap_or_default().to_string();
                // A method stands in a block `impl<..> Owner<..> {`, a function in its room or its room's room.
                let block = text[..at].rfind("\nimpl").filter(|_| !text[..at].ends_with('\n')).map(|start| &text[start + 5..at]);
                let owners = match block.and_then(|block| block.lines().next()) {
                    Some(line) => vec![owner(line).to_string()],
                    None => vec![room(&path), path.parent().map(room).unwrap_or_default()],
                };
                found.push((owners, name));
            }
        }
    }
    let missing: Vec<_> = found
        .iter()
        .filter(|(owners, name)| {
            let alone = found.iter().filter(|(_, other)| other == name).count() == 1;
            let bare = alone && [format!("{name}("), format!("{name}::<")].iter().any(|call| tests.contains(call.as_str()));
            let full = |owner: &String| {
                let generic = tests.match_indices(&format!("{owner}::<")).any(|(at, _)| {
                    tests[at..].split_once(">::").is_some_and(|(front, call)| !front.contains('(') && call.starts_with(&format!("{name}(")))
                });
                generic || tests.contains(&format!("{owner}::{name}("))
            };
            !bare && !owners.iter().any(full)
        })
        .collect();
    assert!(found.len() > 100 && missing.is_empty(), "refusals are not in this file: {missing:#?}");
}

/// The type of a line `<..> Type<..> {`.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
fn owner(line: &str) -> &str {
    let mut depth = 0;
    let end = line.find(|c| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        depth == 0 && c != '>'
    });
    let name = end.and_then(|end| line.get(end..)).unwrap_or_default().trim_start();
    name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
}

/// Lengths of anything for the largest dimensions there are: they saturate, so that no buffer is ever enough.
#[test]
fn huge_dimensions_saturate() {
    let most = usize::MAX;
    for huge in [most, most - 1, HUGE, HUGE + 1, 1 << (usize::BITS / 2), most / 3] {
        let lengths = [
            pattern::pattern_len(huge, most),
            blas::qr_scratch_len(huge, huge),
            blas::cholesky_qr_scratch_len(huge, huge),
            Packed::<&[u8], f32>::storage_len(huge, huge),
            Screened::<&[u8], f32>::storage_len(huge, huge),
            Rotated::<&[u8], f32>::storage_len(huge, huge),
            BallTree::<&[u8], f32>::storage_len(huge, huge),
            BallTree::<&[u8], f32>::rebalance_scratch_len(huge, huge),
            MaxTree::<&[u8], f32>::storage_len(huge, huge, huge),
            Candidates::<&[u8], f32>::storage_len(huge, huge, huge, huge),
            two_layer::forward_scratch_len(huge, huge, huge),
            two_layer::gram_product_scratch_len(huge, huge, huge),
            two_layer::vjp_scratch_len(huge, huge, huge),
            cg::conjugate_gradient_scratch_len(huge, huge, 0),
            cg::conjugate_gradient_rows_scratch_len(huge, huge, 0, 0),
            cg::least_squares_scratch_len(huge, huge, 0),
            fixed_step_scratch_len(huge, huge, 0),
            panels_len(huge, huge),
            fired::outputs_scratch_len(huge, huge, huge, huge),
            fired::descend_scratch_len(huge, huge),
            deep::gram_product_scratch_len(huge, huge),
            deep::backward_panels_scratch_len(huge, huge, huge),
            overlap_scratch_len(huge, huge, huge),
            spread_scratch_len(huge),
        ];
        for (at, length) in lengths.into_iter().enumerate() {
            assert!(length >= huge / 8, "length {at} of {huge} is {length}");
        }
        // Those that depend on one dimension only through blocks: they must not wrap either.
        let structured = deep::Structured::new(4, 3, 7).unwrap();
        let _ = deep::Weights::<f32>::forward_scratch_len(&structured, huge);
        let _ = deep::Weights::<f32>::backward_scratch_len(&structured, huge, huge, huge);
        let _ = (two_layer::jvp_scratch_len(huge, huge, huge), blas::syrk_scratch_len(huge, huge));
        let _ = Srht::new(6, 4, 1).unwrap().jacobian_scratch_len(huge, huge);
        let (none, nowhere) = (Support::new(&[0], &[], 3).unwrap(), Columns::new(&[0; 4], &[], &[]).unwrap());
        let none = SparseRef::<f32>::new(none, 1, &[]).unwrap();
        let update = Update::new((none, nowhere), (none, nowhere)).unwrap();
        let _ = (update.query_scratch_len(huge), update.transposed_query_scratch_len(huge), update.fold_dense_scratch_len());
        let _ = (blas::gemm_scratch_len(huge, huge, huge), blas::cholesky_scratch_len(huge), blas::cholesky_solve_scratch_len(huge));
        let _ = (scan_scratch_len(huge, huge), MaxTree::<&[u8], f32>::build_scratch_len(huge, huge), gram::gram_scratch_len(huge, huge));
        let _ = (Candidates::<&[u8], f32>::build_scratch_len(huge, huge, huge), blas::triangular_solve_scratch_len(huge));
        let _ = Rotated::<&[u8], f32>::query_scratch_len(huge, huge);
        let _ = (Screened::<&[u8], f32>::query_scratch_len(huge, huge), Packed::<&[u8], f32>::query_scratch_len(huge, huge));
        let _ = (BallTree::<&[u8], f32>::query_scratch_len(huge, huge), hadamard::outputs_scratch_len(HUGE, huge));
        let _ = (fired::group_len(huge, huge), fired::groups(huge, huge), deep::fired_share(huge as f64), deep::paper_shift(huge));
        let _ = (hadamard::len_above(huge), hadamard::len_below(huge), hadamard::is_len(huge), hadamard::is_minus(huge, huge, huge));
    }
    // Empty matrices may have any dimension: nothing is read, nothing hangs.
    let level = Level::detect();
    let empty = MatRef::<f32>::new(&[], 0, most).unwrap();
    let mut none: [f32; 0] = [];
    let out = MatMut::new(&mut none, 0, 0).unwrap();
    let refused = blas::gemm(level, 1.0, empty, empty.t(), 0.0, out, &mut [0.0; 64]).unwrap_err().to_string();
    assert!(refused.contains("scratch") || refused.contains("fit"), "{refused}");
}
