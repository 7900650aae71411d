//! Products with sparse rows, and their overlaps.

use super::source::{Source, is_wide};
use super::sparse_case::Sparse;
use subquad::simd::{Bf16x2, Float, Stored};
use subquad::sparse::{Panels, SparseRef, overlap, overlap_scratch_len, pack, panels_len, spread, spread_scratch_len, times_panels};
use subquad::{Level, MatMut, MatRef};

/// Small integers: what the definitions say, exactly, at every level; columns that lie are no panic.
pub fn sparse(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (n, others, m, outs) = (source.below(12), source.below(12), source.below(60), source.below(80));
    let depth = source.below(3) + 1;
    let wild = source.byte().is_multiple_of(4);
    let a = Sparse::<T>::take(&mut source, n, m, depth, wild);
    let b = Sparse::take(&mut source, others, m, depth, wild);
    let rows = Sparse::take(&mut source, n, m, 1, wild);
    let dense: Vec<T> = (0..m * outs).map(|_| T::from_f64(f64::from(source.byte() as i8 % 4))).collect();
    let (symmetric, add) = (source.byte().is_multiple_of(2), source.byte().is_multiple_of(2));
    let unset = T::from_f64(f64::NAN);
    let fits = "as many numbers as the shape says";
    let mut packed = vec![unset; panels_len(m, outs)];
    pack(MatRef::new(&dense, m, outs).expect(fits), &mut packed).expect(fits);
    let mut halves = vec![Bf16x2::new(f32::NAN, f32::NAN); panels_len(m, outs) / 2];
    // Of f64 there are no halves.
    let narrow: &[f32] = if size_of::<T>() == 4 { bytemuck::cast_slice(&dense) } else { &[] };
    if size_of::<T>() == 4 {
        pack(MatRef::new(narrow, m, outs).expect(fits), &mut halves).expect(fits);
    }
    // What each of as many samples takes of the rows, for `spread`.
    let taken: Vec<T> = (0..n * outs).map(|_| T::from_f64(f64::from(source.byte() as i8 % 4))).collect();
    let parts = |rows: &Sparse<T>| -> Vec<Vec<f64>> { (0..depth).map(|c| rows.dense(c)).collect() };
    let (of_a, of_b, of_rows) = (parts(&a), parts(&b), rows.dense(0));
    for level in Level::available() {
        let (b, of_b) = if symmetric { (&a, &of_a) } else { (&b, &of_b) };
        let (height, width) = (a.rows(), b.rows());
        let mut out = vec![T::ONE; height * width];
        let mut scratch = vec![unset; overlap_scratch_len(depth, height, width)];
        let done = overlap(level, a.get(), b.get(), symmetric, MatMut::new(&mut out, height, width).expect(fits), &mut scratch);
        let mut z = vec![T::ONE; outs * m];
        let mut scratch = vec![unset; spread_scratch_len(rows.support().len())];
        let to = MatMut::new(&mut z, outs, m).expect(fits);
        let panels = Panels::row_major(&taken, n, outs).expect(fits);
        let (values, columns) = rows.get();
        let spread = spread(level, T::from_f64(-2.0), values, columns, panels, to, &mut scratch);
        let wanted = (rows.get().0, &of_rows[..], &dense[..], add);
        product(level, Panels::row_major(&dense, m, outs).expect(fits), wanted);
        product(level, Panels::packed(&packed, m, outs).expect(fits), wanted);
        if size_of::<T>() == 4 {
            // T is f32 here, whatever its name.
            let values: &[f32] = bytemuck::cast_slice(rows.values());
            let values = SparseRef::new(rows.support(), 1, values).expect(fits);
            let panels = Panels::packed(&halves, m, outs).expect(fits);
            product(level, panels, (values, &of_rows, narrow, add));
        }
        if wild {
            continue;
        }
        done.expect("shapes fit");
        spread.expect("shapes fit");
        for (i, j) in (0..height).flat_map(|i| (0..width).map(move |j| (i, j))) {
            let inner: f64 = of_a.iter().zip(of_b).map(|(a, b)| (0..m).map(|r| a[i * m + r] * b[j * m + r]).sum::<f64>()).sum();
            let wanted = if symmetric && j > i { 1.0 } else { 1.0 + inner };
            assert_eq!(out[i * width + j].to_f64(), wanted, "{level}: ({i}, {j}) of an overlap");
        }
        for (i, r) in (0..outs).flat_map(|i| (0..m).map(move |r| (i, r))) {
            let sum: f64 = (0..n).map(|f| taken[f * outs + i].to_f64() * of_rows[f * m + r]).sum();
            assert_eq!(z[i * m + r].to_f64(), 1.0 - 2.0 * sum, "{level}: ({i}, {r}) of what was spread");
        }
    }
}

/// Rows times a matrix, however it is stored.
fn product<T: Float>(
    level: Level,
    panels: Panels<'_, impl Stored<Number = T>>,
    (rows, full, dense, add): (SparseRef<'_, T>, &[f64], &[T], bool),
) {
    let (n, m, outs) = (rows.rows(), panels.rows(), panels.cols());
    let mut out = vec![if add { T::ONE } else { T::from_f64(f64::NAN) }; n * outs];
    times_panels(level, rows, panels, add, MatMut::new(&mut out, n, outs).expect("n rows")).expect("shapes fit");
    for (i, k) in (0..n).flat_map(|i| (0..outs).map(move |k| (i, k))) {
        let product: f64 = (0..m).map(|j| full[i * m + j] * dense[j * outs + k].to_f64()).sum();
        let wanted = product + if add { 1.0 } else { 0.0 };
        assert_eq!(out[i * outs + k].to_f64(), wanted, "{level}: ({i}, {k}) of a product, {m} x {outs}");
    }
}
