//! Products with sparse rows, and their overlaps.

use super::source::Source;
use super::sparse_case::Sparse;
use subquad::simd::{Bf16x2, Stored};
use subquad::sparse::{Panels, overlap, overlap_scratch_len, pack, panels_len, spread, spread_scratch_len, times_panels};
use subquad::{Level, MatMut, MatRef};

/// Small integers: what the definitions say, exactly, at every level; columns that lie are no panic.
pub fn sparse(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (n, others, m, outs) = (source.below(12), source.below(12), source.below(60), source.below(80));
    let depth = source.below(3) + 1;
    let wild = source.byte().is_multiple_of(4);
    let a = Sparse::take(&mut source, n, m, depth, wild);
    let b = Sparse::take(&mut source, others, m, depth, wild);
    let rows = Sparse::take(&mut source, n, m, 1, wild);
    let dense: Vec<f32> = (0..m * outs).map(|_| f32::from(source.byte() as i8 % 4)).collect();
    let (symmetric, add) = (source.byte().is_multiple_of(2), source.byte().is_multiple_of(2));
    let fits = "as many numbers as the shape says";
    let mut packed = vec![f32::NAN; panels_len(m, outs)];
    pack(MatRef::new(&dense, m, outs).expect(fits), &mut packed).expect(fits);
    let mut halves = vec![Bf16x2::new(f32::NAN, f32::NAN); panels_len(m, outs) / 2];
    pack(MatRef::new(&dense, m, outs).expect(fits), &mut halves).expect(fits);
    // What each of as many samples takes of the rows, for `spread`.
    let taken: Vec<f32> = (0..n * outs).map(|_| f32::from(source.byte() as i8 % 4)).collect();
    for level in Level::available() {
        let b = if symmetric { &a } else { &b };
        let (height, width) = (a.rows(), b.rows());
        let mut out = vec![1.0f32; height * width];
        let mut scratch = vec![f32::NAN; overlap_scratch_len(depth, height, width)];
        let done = overlap(level, a.get(), b.get(), symmetric, MatMut::new(&mut out, height, width).expect(fits), &mut scratch);
        let mut z = vec![1.0f32; outs * m];
        let mut scratch = vec![f32::NAN; spread_scratch_len(rows.support().len())];
        let to = MatMut::new(&mut z, outs, m).expect(fits);
        let panels = Panels::row_major(&taken, n, outs).expect(fits);
        let (values, columns) = rows.get();
        let spread = spread(level, -2.0, values, columns, panels, to, &mut scratch);
        let wanted = (&rows, &dense[..], add);
        product(level, Panels::row_major(&dense, m, outs).expect(fits), wanted);
        product(level, Panels::packed(&packed, m, outs).expect(fits), wanted);
        product(level, Panels::packed(&halves, m, outs).expect(fits), wanted);
        if wild {
            continue;
        }
        done.expect("shapes fit");
        spread.expect("shapes fit");
        for (i, j) in (0..height).flat_map(|i| (0..width).map(move |j| (i, j))) {
            let inner: f64 = (0..depth).flat_map(|c| (0..m).map(move |r| (c, r))).map(|(c, r)| a.at(i, c, r) * b.at(j, c, r)).sum();
            let wanted = if symmetric && j > i { 1.0 } else { 1.0 + inner };
            assert_eq!(f64::from(out[i * width + j]), wanted, "{level}: ({i}, {j}) of an overlap");
        }
        for (i, r) in (0..outs).flat_map(|i| (0..m).map(move |r| (i, r))) {
            let sum: f64 = (0..n).map(|f| f64::from(taken[f * outs + i]) * rows.at(f, 0, r)).sum();
            assert_eq!(f64::from(z[i * m + r]), 1.0 - 2.0 * sum, "{level}: ({i}, {r}) of what was spread");
        }
    }
}

/// Rows times a matrix, however it is stored.
fn product(level: Level, panels: Panels<'_, impl Stored<Number = f32>>, (rows, dense, add): (&Sparse<f32>, &[f32], bool)) {
    let (n, m, outs) = (rows.rows(), panels.rows(), panels.cols());
    let mut out = vec![if add { 1.0 } else { f32::NAN }; n * outs];
    times_panels(level, rows.get().0, panels, add, MatMut::new(&mut out, n, outs).expect("n rows")).expect("shapes fit");
    for (i, k) in (0..n).flat_map(|i| (0..outs).map(move |k| (i, k))) {
        let product: f64 = (0..m).map(|j| rows.at(i, 0, j) * f64::from(dense[j * outs + k])).sum();
        let wanted = product + if add { 1.0 } else { 0.0 };
        assert_eq!(f64::from(out[i * outs + k]), wanted, "{level}: ({i}, {k}) of a product, {m} x {outs}");
    }
}
