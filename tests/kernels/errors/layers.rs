//! Refusals of what deep networks are made of: sparse products, passes of a layer, lists of what fires; and of least squares.

use super::{HUGE, mat, refusals};
use subquad::cg::{self, Identity, LeastSquaresStopping, Stopping, TallOperator, Watch};
use subquad::halfspace::Hits;
use subquad::relu::deep::{
    self, Form, Structured, Weights, activate, backward_panels, backward_panels_scratch_len, combine, gram_product_scratch_len,
    output_gradients, shift_for, unnormalise,
};
use subquad::relu::{FiredRef, PatternRef, Tangents, fired, two_layer};
use subquad::sparse::{
    Columns, Panels, PanelsMut, SparseRef, Support, overlap, overlap_scratch_len, pack, panels_len, spread, spread_scratch_len, transpose,
};
use subquad::{Error, Figure, Level, MatMut, MatRef};

fn short(need: usize) -> String {
    format!("scratch: needs at least {need} elements, found {}", need - 1)
}

/// A column strides over every second number.
fn apart(x: &[f32], rows: usize, cols: usize) -> MatRef<'_, f32> {
    MatRef::with_strides(x, rows, cols, 2 * cols, 2).unwrap()
}

#[test]
fn passes_of_a_layer() {
    let level = Level::detect();
    let z = [1.0f32; 64];
    let s = &mut vec![0.0f32; 1 << 16];
    // Two samples; three of the layer's four neurons fire, one on both.
    let support = Support::new(&[0, 2, 3], &[0, 2, 2], 4).unwrap();
    let (mut at, mut rows, mut places) = ([0; 5], [0; 3], [0; 3]);
    transpose(support, &mut at, &mut rows, &mut places).unwrap();
    let columns = Columns::new(&at, &rows, &places).unwrap();
    let (three, none) = (Columns::new(&[0, 1, 2, 3], &rows, &places).unwrap(), Columns::new(&[0; 5], &[], &[]).unwrap());
    let (h, g) = (SparseRef::new(support, 1, &z[..3]).unwrap(), SparseRef::new(support, 2, &z[..6]).unwrap());
    let below = Support::new(&[0, 1, 3], &[1, 0, 1], 2).unwrap();
    let one = Support::new(&[0, 1], &[1], 2).unwrap();
    let wt = Panels::row_major(&z[..8], 2, 4).unwrap();
    let (turned, tall) = (Panels::row_major(&z[..8], 4, 2).unwrap(), Panels::row_major(&z[..12], 3, 4).unwrap());
    let (back, product, inner) = (backward_panels_scratch_len(2, 2, 2), gram_product_scratch_len(3, 2), overlap_scratch_len(1, 2, 2));
    let (p, u) = (mat(&z[..4], 2, 2), mat(&z[..4], 2, 2));
    let (mut starts, mut indices, mut values, mut norms) = ([0; 3], [0; 4], [0.0f32; 4], [0.0f32; 2]);
    let mut fire = |shift: f32, z: MatRef<'_, f32>, starts_len: usize, values_len: usize, norms_len: usize| {
        let (starts, values, norms) = (&mut starts[..starts_len], &mut values[..values_len], &mut norms[..norms_len]);
        activate(level, Form::Soft, shift, z, starts, &mut indices, values, norms).map(drop)
    };
    let shift = |found: &str| format!("activate: shift: must be finite and not negative, found {found}");
    let share = |found: &str| format!("share that fires: must be above 0 and at most 1/2, found {found}");
    refusals(vec![
        (&share("0"), shift_for(0.0).map(drop)),
        (&share("0.51"), shift_for(0.51).map(drop)),
        (&share("NaN"), shift_for(f64::NAN).map(drop)),
        ("activate: starts: expected 3, found 2", fire(1.0, mat(&z[..8], 2, 4), 2, 4, 2)),
        ("activate: norms: expected 2, found 1", fire(1.0, mat(&z[..8], 2, 4), 3, 4, 1)),
        ("activate: values, against indices: expected 4, found 3", fire(1.0, mat(&z[..8], 2, 4), 3, 3, 2)),
        (&shift("-1"), fire(-1.0, mat(&z[..8], 2, 4), 3, 4, 2)),
        (&shift("inf"), fire(f32::INFINITY, mat(&z[..8], 2, 4), 3, 4, 2)),
        ("activate: stride of the columns of Z: must be 1, found 2", fire(1.0, apart(&z, 2, 4), 3, 4, 2)),
        (&format!("activate: starts: expected {}, found 3", usize::MAX), fire(1.0, MatRef::new(&[], usize::MAX, 0).unwrap(), 3, 4, 2)),
        ("output_gradients: columns of A: expected 4, found 3", output_gradients(mat(&z[..6], 2, 3), support, &mut s[..6])),
        ("output_gradients: result: expected 6, found 5", output_gradients(mat(&z[..8], 2, 4), support, &mut s[..5])),
        ("unnormalise: depth of h: expected 1, found 2", unnormalise(level, g, &z[..2], 2, &mut s[..6])),
        ("unnormalise: norms: expected 2, found 3", unnormalise(level, h, &z[..3], 2, &mut s[..6])),
        ("unnormalise: gradients: expected 6, found 7", unnormalise(level, h, &z[..2], 2, &mut s[..7])),
        (&format!("unnormalise: gradients: expected {}, found 7", usize::MAX), unnormalise(level, h, &z[..2], HUGE, &mut s[..7])),
        ("backward: columns of B: expected 4, found 2", backward_panels(level, g, turned, below, &mut [0.0; 6], s)),
        ("backward: rows of B: expected 2, found 3", backward_panels(level, g, tall, below, &mut [0.0; 6], s)),
        ("backward: rows: expected 2, found 1", backward_panels(level, g, wt, one, &mut [0.0; 2], s)),
        ("backward: result: expected 6, found 5", backward_panels(level, g, wt, below, &mut [0.0; 5], s)),
        (&short(back), backward_panels(level, g, wt, below, &mut [0.0; 6], &mut s[..back - 1])),
        ("gram_product: columns: expected 4, found 3", deep::gram_product(level, g, three, p, u, out!(2, 2), s)),
        ("gram_product: places: expected 3, found 0", deep::gram_product(level, g, none, p, u, out!(2, 2), s)),
        ("gram_product: rows of P: expected 2, found 1", deep::gram_product(level, g, columns, mat(&z[..2], 1, 2), u, out!(2, 2), s)),
        ("gram_product: columns of P: expected 2, found 3", deep::gram_product(level, g, columns, mat(&z[..6], 2, 3), u, out!(2, 2), s)),
        ("gram_product: rows of U: expected 2, found 1", deep::gram_product(level, g, columns, p, mat(&z[..2], 1, 2), out!(2, 2), s)),
        ("gram_product: columns of U: expected 2, found 1", deep::gram_product(level, g, columns, p, mat(&z[..2], 2, 1), out!(2, 2), s)),
        ("gram_product: rows of the result: expected 2, found 3", deep::gram_product(level, g, columns, p, u, out!(3, 2), s)),
        ("gram_product: columns of the result: expected 2, found 3", deep::gram_product(level, g, columns, p, u, out!(2, 3), s)),
        (
            "gram_product: stride of the columns of P: must be 1, found 2",
            deep::gram_product(level, g, columns, apart(&z, 2, 2), u, out!(2, 2), s),
        ),
        (&short(product), deep::gram_product(level, g, columns, p, u, out!(2, 2), &mut s[..product - 1])),
        ("combine: rows of U: expected 2, found 1", combine(level, g, mat(&z[..2], 1, 2), &mut s[..3])),
        ("combine: columns of U: expected 2, found 1", combine(level, g, mat(&z[..2], 2, 1), &mut s[..3])),
        ("combine: result: expected 3, found 4", combine(level, g, u, &mut s[..4])),
        ("overlap: depth of B: expected 1, found 2", overlap(level, (h, columns), (g, columns), false, out!(2, 2), s)),
        (
            "overlap: columns of B: expected 4, found 2",
            overlap(level, (h, columns), (SparseRef::new(below, 1, &z[..3]).unwrap(), columns), false, out!(2, 2), s),
        ),
        ("overlap: columns: expected 4, found 3", overlap(level, (h, columns), (h, three), false, out!(2, 2), s)),
        ("overlap: places: expected 3, found 0", overlap(level, (h, none), (h, columns), false, out!(2, 2), s)),
        ("overlap: rows of the result: expected 2, found 1", overlap(level, (h, columns), (h, columns), false, out!(1, 2), s)),
        ("overlap: columns of the result: expected 2, found 3", overlap(level, (h, columns), (h, columns), true, out!(2, 3), s)),
        (&short(inner), overlap(level, (h, columns), (h, columns), true, out!(2, 2), &mut s[..inner - 1])),
        (&format!("pack: expected {}, found 64", panels_len(2, 70)), pack(MatRef::with_strides(&z, 2, 70, 0, 0).unwrap(), &mut s[..64])),
        (&format!("panels: expected {}, found 9", panels_len(3, 3)), PanelsMut::packed(&mut s[..9], 3, 3).map(drop)),
        (&format!("panels: expected {}, found 9", usize::MAX), PanelsMut::packed(&mut s[..9], HUGE, HUGE).map(drop)),
        ("spread: depth of U: expected 1, found 2", spread(level, 1.0, g, columns, wt, out!(4, 4), s)),
        ("spread: columns of U: expected 4, found 3", spread(level, 1.0, h, three, wt, out!(4, 4), s)),
        ("spread: places of U: expected 3, found 0", spread(level, 1.0, h, none, wt, out!(4, 4), s)),
        ("spread: rows of M: expected 2, found 4", spread(level, 1.0, h, columns, turned, out!(2, 4), s)),
        ("spread: rows of Z: expected 4, found 2", spread(level, 1.0, h, columns, wt, out!(2, 4), s)),
        ("spread: columns of Z: expected 4, found 3", spread(level, 1.0, h, columns, wt, out!(4, 3), s)),
        (&short(spread_scratch_len(3)), spread(level, 1.0, h, columns, wt, out!(4, 4), &mut s[..2])),
    ]);
    if usize::BITS == 64 {
        let many = MatRef::new(&[], 0, 1 << 32).unwrap();
        let refused = activate(level, Form::Soft, 1.0f32, many, &mut [0], &mut [], &mut [], &mut []).map(drop);
        refusals(vec![("activate: number of neurons: 4294967296 does not fit 32 bits", refused)]);
    }
    // Of a single column any stride is right.
    assert!(fire(1.0, apart(&z, 2, 1), 3, 4, 2).is_ok());
    let one = SparseRef::new(Support::new(&[0, 2], &[0, 2], 4).unwrap(), 2, &z[..4]).unwrap();
    let columns = Columns::new(&[0, 1, 1, 2, 2], &[0, 0], &[0, 1]).unwrap();
    assert!(deep::gram_product(level, one, columns, apart(&z, 1, 1), mat(&z[..2], 1, 2), out!(1, 2), s).is_ok());
    assert_eq!(wt.forward_scratch_len(2), 0);
    // Rows without columns may be as many as there are addresses: nothing overflows.
    assert!(pack::<f32>(MatRef::new(&[], 1 << (usize::BITS - 6), 0).unwrap(), &mut []).is_ok());
    assert!(Panels::<f32>::packed(&[], HUGE, 0).is_ok() && PanelsMut::<f32>::packed(&mut [], HUGE, 0).is_ok());
}

#[test]
fn weights_that_are_not_stored() {
    let level = Level::detect();
    let z = [1.0f32; 64];
    let s = &mut vec![0.0f32; 1024];
    let w = Structured::new(4, 3, 7).unwrap();
    let h = SparseRef::new(Support::new(&[0, 1], &[1], 3).unwrap(), 1, &z[..1]).unwrap();
    let columns = Columns::new(&[0, 0, 1, 1], &[0], &[0]).unwrap();
    let (stack, wide) = (SparseRef::new(h.support(), 2, &z[..2]).unwrap(), Support::new(&[0, 1], &[1], 4).unwrap());
    let g = SparseRef::new(wide, 1, &z[..1]).unwrap();
    let two = Support::new(&[0, 1, 2], &[1, 1], 3).unwrap();
    let (forth, back) = (Weights::<f32>::forward_scratch_len(&w, 1), Weights::<f32>::backward_scratch_len(&w, 1, 1, 1));
    refusals(vec![
        (
            &format!("structured weights: block: {} does not fit {} bits", usize::MAX, usize::BITS),
            Structured::new(4, usize::MAX, 7).map(drop),
        ),
        ("structured: depth: expected 1, found 2", Weights::forward(&w, level, (stack, columns), out!(1, 4), s)),
        ("structured: inputs: expected 3, found 4", w.forward(level, (g, columns), out!(1, 4), s)),
        ("structured: rows of Z: expected 1, found 2", w.forward(level, (h, columns), out!(2, 4), s)),
        ("structured: columns of Z: expected 4, found 3", w.forward(level, (h, columns), out!(1, 3), s)),
        (&short(forth), w.forward(level, (h, columns), out!(1, 4), &mut s[..forth - 1])),
        ("structured: outputs: expected 4, found 3", w.backward(level, h, h.support(), &mut [0.0], s)),
        ("structured: inputs: expected 3, found 4", w.backward(level, g, wide, &mut [0.0], s)),
        ("structured: rows: expected 1, found 2", w.backward(level, g, two, &mut [0.0; 2], s)),
        ("structured: result: expected 1, found 2", w.backward(level, g, h.support(), &mut [0.0; 2], s)),
        (&short(back), w.backward(level, g, h.support(), &mut [0.0], &mut s[..back - 1])),
    ]);
}

#[test]
fn lists_of_what_fires() {
    let level = Level::detect();
    let (n, d, m, c) = (2, 3, 4, 2);
    let z = [1.0f32; 64];
    let s = &mut vec![0.0f32; 1 << 16];
    let lists = FiredRef::new(&[0, 1, 1, 1, 3], &[1, 0, 1], &z[..3], n).unwrap();
    let (x, a, u, w) = (mat(&z[..6], n, d), mat(&z[..8], c, m), mat(&z[..4], n, c), mat(&z[..12], m, d));
    let (narrow, few) = (mat(&z[..6], c, 3), mat(&z[..2], 1, c));
    let (need, outputs) = (fired::descend_scratch_len(d, c), fired::outputs_scratch_len(n, d, m, c));
    let strides = |of: &str| format!("fired: column stride of {of}: must be 1, found 2");
    let neurons = "fired: neurons, against columns of A: expected 3, found 4";
    let mut moved = [0.0f32; 4];
    let step = |x: MatRef<'_, f32>, a: MatRef<'_, f32>, u: MatRef<'_, f32>, w: MatMut<'_, f32>, moved: &mut [f32], s: &mut [f32]| {
        fired::descend(level, x, a, lists, u, 0.1, 0, w, moved, s)
    };
    refusals(vec![
        ("fired: values, against samples: expected 3, found 2", FiredRef::new(&[0, 3], &[0, 1, 1], &z[..2], n).map(drop)),
        ("fired: last start, against samples: expected 3, found 2", FiredRef::new(&[0, 2], &[0, 1, 1], &z[..3], n).map(drop)),
        ("fired: starts: must be ascending, so at least 2, found 1 at place 2", FiredRef::new(&[0, 2, 1], &[0], &z[..1], n).map(drop)),
        ("fired: samples: must be less than 2, found 2", FiredRef::new(&[0, 1], &[2], &z[..1], n).map(drop)),
        (neurons, fired::outputs_of_group(level, lists, narrow, d, 0, 0.0, out!(n, c), s)),
        ("fired: rows of the outputs: expected 2, found 1", fired::outputs_of_group(level, lists, a, d, 0, 0.0, out!(1, c), s)),
        ("fired: columns of the outputs: expected 2, found 3", fired::outputs_of_group(level, lists, a, d, 0, 0.0, out!(n, 3), s)),
        (&short(outputs), fired::outputs_of_group(level, lists, a, d, 0, 0.0, out!(n, c), &mut s[..outputs - 1])),
        (neurons, step(x, narrow, u, out!(m, d), &mut moved, s)),
        ("fired: rows of X: expected 2, found 1", step(mat(&z[..3], 1, d), a, u, out!(m, d), &mut moved, s)),
        ("fired: rows of U: expected 2, found 1", step(x, a, few, out!(m, d), &mut moved, s)),
        ("fired: columns of U, against rows of A: expected 2, found 3", step(x, a, mat(&z[..6], n, 3), out!(m, d), &mut moved, s)),
        ("fired: columns of W, against columns of X: expected 3, found 2", step(x, a, u, out!(m, 2), &mut moved, s)),
        ("fired: distances, against rows of W: expected 4, found 3", step(x, a, u, out!(m, d), &mut moved[..3], s)),
        (&strides("X"), step(apart(&z, n, d), a, u, out!(m, d), &mut moved, s)),
        (&strides("U"), step(x, a, apart(&z, n, c), out!(m, d), &mut moved, s)),
        (&short(need), step(x, a, u, out!(m, d), &mut moved, &mut s[..need - 1])),
        (neurons, fired::gram_product(level, x, narrow, lists, u, 0, m, out!(n, c), s)),
        ("fired: rows of X: expected 2, found 1", fired::gram_product(level, mat(&z[..3], 1, d), a, lists, u, 0, m, out!(n, c), s)),
        ("fired: rows of U: expected 2, found 1", fired::gram_product(level, x, a, lists, few, 0, m, out!(n, c), s)),
        (
            "fired: columns of U, against rows of A: expected 2, found 3",
            fired::gram_product(level, x, a, lists, mat(&z[..6], n, 3), 0, m, out!(n, c), s),
        ),
        ("fired: rows of the result: expected 2, found 1", fired::gram_product(level, x, a, lists, u, 0, m, out!(1, c), s)),
        ("fired: columns of the result: expected 2, found 3", fired::gram_product(level, x, a, lists, u, 0, m, out!(n, 3), s)),
        (&strides("X"), fired::gram_product(level, apart(&z, n, d), a, lists, u, 0, m, out!(n, c), s)),
        (&short(need), fired::gram_product(level, x, a, lists, u, 0, m, out!(n, c), &mut s[..need - 1])),
        ("fired: length of w: expected 3, found 2", fired::values(level, x, &z[..2], &[0], &mut [0.0])),
        ("fired: values, against samples: expected 1, found 2", fired::values(level, x, &z[..3], &[0], &mut [0.0; 2])),
        ("fired: column stride of X: must be 1, found 2", fired::values(level, apart(&z, n, d), &z[..3], &[0], &mut [0.0])),
        (neurons, fired::input_gradient(level, w, narrow, lists, u, out!(n, d), s)),
        ("fired: rows of W: expected 4, found 3", fired::input_gradient(level, mat(&z[..9], 3, d), a, lists, u, out!(n, d), s)),
        ("fired: rows of U: expected 2, found 1", fired::input_gradient(level, w, a, lists, few, out!(n, d), s)),
        (
            "fired: columns of U, against rows of A: expected 2, found 3",
            fired::input_gradient(level, w, a, lists, mat(&z[..6], n, 3), out!(n, d), s),
        ),
        ("fired: rows of the result: expected 2, found 1", fired::input_gradient(level, w, a, lists, u, out!(1, d), s)),
        (
            "fired: columns of the result, against columns of W: expected 3, found 2",
            fired::input_gradient(level, w, a, lists, u, out!(n, 2), s),
        ),
        (&strides("W"), fired::input_gradient(level, apart(&z, m, d), a, lists, u, out!(n, d), s)),
        (&short(need), fired::input_gradient(level, w, a, lists, u, out!(n, d), &mut s[..need - 1])),
    ]);
    // Neurons, groups and samples that there are none of: nothing happens.
    for far in [m, usize::MAX, HUGE] {
        fired::outputs_of_group(level, lists, a, d, far, 0.0, out!(n, c), s).unwrap();
        fired::descend(level, x, a, lists, u, 0.1, far, out!(m, d), &mut moved, s).unwrap();
        fired::gram_product(level, x, a, lists, u, far, usize::MAX, out!(n, c), s).unwrap();
        assert!(lists.of(far).0.is_empty() && moved == [0.0; 4]);
    }
    fired::values(level, x, &z[..3], &[u32::MAX], &mut [0.0]).unwrap();
}

/// A matrix that refuses to be multiplied with.
struct Never(usize, usize);
impl TallOperator<f32> for Never {
    fn rows(&self) -> usize {
        self.0
    }
    fn cols(&self) -> usize {
        self.1
    }
    fn apply(&self, _: Level, _: &[f32], _: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        Err(Error::value("product", "another", Figure::Nothing))
    }
    fn apply_transpose(&self, _: Level, _: &[f32], _: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        Err(Error::value("transposed product", "another", Figure::Nothing))
    }
}

#[test]
fn least_squares_tangents_and_the_rest() {
    let level = Level::detect();
    let z = [1.0f32; 256];
    let s = &mut vec![0.0f32; 1 << 16];
    let stop = LeastSquaresStopping { relative: 0.0, gradient: 0.1, max_iterations: 3 };
    let (negative, nan) = (LeastSquaresStopping { relative: -1.0, ..stop }, LeastSquaresStopping { gradient: f64::NAN, ..stop });
    let damping = |found: &str| format!("least_squares: damping: must be finite and not negative, found {found}");
    let j = Never(3, 2);
    let squares = |j: &Never, b: usize, damping: f64, x: usize, stop: LeastSquaresStopping, s: &mut [f32]| {
        cg::least_squares(level, j, &z[..b], damping, &mut vec![1.0; x], stop, s).map(drop)
    };
    let steps = Stopping { relative: 0.1, absolute: 0.0, max_iterations: 3 };
    let (x, a, u) = (mat(&z[..4], 2, 2), mat(&z[..130], 1, 130), mat(&z[..2], 2, 1));
    let words = [0u64; 6];
    let p = PatternRef::new(&words, 2, 130).unwrap();
    let tangents = Tangents::new(x, a, p, 0.5).unwrap();
    let need = subquad::cg::LinearOperator::scratch_len(&tangents);
    let rows = |first: usize, out: MatMut<'_, f32>, s: &mut [f32]| two_layer::vjp_rows(level, x, a, p, u, first, out, s);
    let vl = two_layer::vjp_scratch_len(2, 2, 1);
    let (mut counts, mut indices) = ([0u32; 2], [0u32; 6]);
    let mut hits = Hits::<f32>::new(&mut counts, &mut indices, 3).unwrap();
    refusals(vec![
        ("least_squares: b: expected 3, found 4", squares(&j, 4, 0.0, 2, stop, s)),
        ("least_squares: x: expected 2, found 1", squares(&j, 3, 0.0, 1, stop, s)),
        ("least_squares: relative tolerance: must be a number, and not negative, found -1", squares(&j, 3, 0.0, 2, negative, s)),
        ("least_squares: gradient tolerance: must be a number, and not negative, found NaN", squares(&j, 3, 0.0, 2, nan, s)),
        (&damping("-1"), squares(&j, 3, -1.0, 2, stop, s)),
        (&damping("inf"), squares(&j, 3, f64::INFINITY, 2, stop, s)),
        (&short(10), squares(&j, 3, 0.0, 2, stop, &mut s[..9])),
        ("product: must be another", squares(&j, 3, 0.0, 2, stop, s)),
        (&format!("least_squares: b: expected {HUGE}, found 3"), squares(&Never(HUGE, 2), 3, 0.0, 2, stop, s)),
        (
            "conjugate_gradient: b: expected 2, found 3",
            cg::conjugate_gradient_watched(level, &tangents, &Identity, &z[..3], &mut [0.0; 2], steps, &mut Watch::default(), s).map(drop),
        ),
        (
            &short(4 * 2 + need),
            cg::conjugate_gradient_watched(
                level,
                &tangents,
                &Identity,
                &z[..2],
                &mut [0.0; 2],
                steps,
                &mut Watch::default(),
                &mut s[..4 * 2 + need - 1],
            )
            .map(drop),
        ),
        ("Tangents: samples of the pattern: expected 1, found 2", Tangents::new(mat(&z[..2], 1, 2), a, p, 0.5).map(drop)),
        ("Tangents: neurons of the pattern: expected 129, found 130", Tangents::new(x, mat(&z[..129], 1, 129), p, 0.5).map(drop)),
        ("Tangents: damping: must be finite and not negative, found -0.5", Tangents::new(x, a, p, -0.5).map(drop)),
        ("Tangents: damping: must be finite and not negative, found NaN", Tangents::new(x, a, p, f32::NAN).map(drop)),
        ("vjp_rows: first row: must be a multiple of 64, found 1", rows(1, out!(2, 2), s)),
        ("vjp_rows: end of the rows: must be at most 130, found 131", rows(128, out!(3, 2), s)),
        (&format!("vjp_rows: end of the rows: must be at most 130, found {}", HUGE + 3), rows(HUGE, out!(3, 2), s)),
        ("two_layer: columns of the weights, against columns of X: expected 2, found 3", rows(64, out!(2, 3), s)),
        (&short(vl), rows(64, out!(2, 2), &mut s[..vl - 1])),
        ("hits: query: must be less than 2, found 2", hits.only(2).map(drop)),
        (&format!("hits: query: must be less than 2, found {}", usize::MAX), hits.only(usize::MAX).map(drop)),
    ]);
}
