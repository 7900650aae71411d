//! Refusals of products with networks, of sketches, and of sparse matrices.

use super::{HUGE, beyond, mat, refusals};
use subquad::low_rank::Update;
use subquad::relu::{PatternMut, PatternRef, gram, two_layer};
use subquad::sketch::{Factor, Srht, TensorSketch, TensorSrht};
use subquad::sparse::{Columns, Panels, PanelsMut, SparseRef, Support, panels_len, times_panels, transpose};
use subquad::{Level, MatMut, MatRef};

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
        (&short(query), Update::query(&update, level, 1.0, (a, columns), out!(2, 3), &mut s[..query - 1])),
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
