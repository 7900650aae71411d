//! Every way in which a public function of the kernels refuses its arguments, and what it says: the figure that is at
//! fault, and the one that would fit. Dimensions whose products overflow are among them; none may panic.

#![allow(clippy::useless_vec, reason = "the macro `out!` serves shapes that are constants and shapes that are not")]
#[cfg(all(feature = "std", not(target_family = "wasm")))]
use crate::public;
use subquad::blas::{self, Triangle};
use subquad::cg::{self};
use subquad::hadamard::{self, Order, Signs, Transform};
use subquad::halfspace::{BallTree, Candidates, MaxTree, Packed, Rotated, Screened, scan_scratch_len};
use subquad::low_rank::Update;
use subquad::relu::{PatternMut, PatternRef, deep, fired, gram, pattern, two_layer};
use subquad::sketch::{Srht, fixed_step_scratch_len};
use subquad::sparse::{Columns, SparseRef, Support, overlap_scratch_len, panels_len, spread_scratch_len};
use subquad::{Error, Level, MatMut, MatRef};

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
mod halfspace;
mod layers;
mod networks;
mod solvers;

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

/// Whoever adds a function that can refuse writes down in this file or its folder what it says. Functions of several threads refuse
/// what those of one refuse; `apply` is the user's own.
#[test]
#[cfg(all(feature = "std", not(target_family = "wasm")))]
fn no_function_is_left_out() {
    let tests = [
        include_str!("errors.rs"),
        include_str!("errors/halfspace.rs"),
        include_str!("errors/layers.rs"),
        include_str!("errors/networks.rs"),
        include_str!("errors/solvers.rs"),
    ];
    let refusing: Vec<_> =
        public::functions().into_iter().filter(|f| f.signature.contains("Result<") && !f.signature.starts_with("apply(")).collect();
    let missing = public::missing(&refusing, &tests.concat(), |_| true);
    assert!(missing.is_empty(), "no test of what they refuse: {missing:#?}");
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
