//! Deep layers: who fires and what it says, the way back, products with the Gram matrix, and weights that are never stored.

use super::bounds::{Sum, gamma, most};
use super::source::{Source, is_wide};
use super::sparse_case::Sparse;
use subquad::hadamard::Signs;
use subquad::relu::deep::{
    Form, Structured, Weights, activate, backward_panels, backward_panels_scratch_len, combine, gram_product, gram_product_scratch_len,
    output_gradients, unnormalise,
};
use subquad::simd::{Bf16x2, Float, Stored};
use subquad::sparse::{Panels, SparseRef, Support, pack, panels_len};
use subquad::{Level, MatMut, MatRef};

const FITS: &str = "as many numbers as the shape says";

/// Small integers: what the definitions say, exactly; any pre-activations: to rounding, wherever nothing overflows.
pub fn deep(bytes: &[u8]) {
    if is_wide(bytes) {
        of_numbers::<f64>(bytes);
    } else {
        of_numbers::<f32>(bytes);
    }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (n, m, ins, depth) = (source.below(8), source.below(140), source.below(120), source.below(12));
    let kind = source.kind();
    let form = if source.byte().is_multiple_of(2) { Form::Soft } else { Form::Hard };
    let shift = T::from_f64(f64::from(source.byte()) / 32.0);
    let z = source.numbers::<T>(n * m, kind);
    let a: Vec<T> = (0..depth * m).map(|_| if source.byte().is_multiple_of(2) { T::ONE } else { -T::ONE }).collect();
    let e = source.numbers::<T>(depth * n * m, kind);

    let g = Sparse::<T>::take(&mut source, n, m, depth, false);
    let below = Sparse::<T>::take(&mut source, n, ins, 1, false);
    let mut small = |len: usize| -> Vec<T> { (0..len).map(|_| T::from_f64(f64::from(source.byte() as i8 % 4))).collect() };
    let (w, u, p, before) = (small(ins * m), small(n * depth), small(n * n), small(n * depth));
    let seed = u64::from(source.u32());
    for level in Level::available() {
        activation(level, form, shift, (&z, n, m), (&a, depth), &e);
        let mut packed = vec![T::from_f64(f64::NAN); panels_len(ins, m)];
        pack(MatRef::new(&w, ins, m).expect(FITS), &mut packed).expect(FITS);
        back(level, &g, Panels::row_major(&w, ins, m).expect(FITS), &below, &w);
        back(level, &g, Panels::packed(&packed, ins, m).expect(FITS), &below, &w);
        if size_of::<T>() == 4 {
            in_halves(level, bytemuck::cast_slice(&w), &g, &below, ins, m);
        }
        products(level, &g, &u, &p, &before);
        structured(level, Structured::new(m, ins, seed).expect("short"), &g, &below);
    }
}

/// Who fires, the outputs of norm 1, where the way back begins, and the derivative of the normalisation.
fn activation<T: Float>(level: Level, form: Form, shift: T, (z, n, m): (&[T], usize, usize), (a, depth): (&[T], usize), e: &[T]) {
    let unset = T::from_f64(f64::NAN);
    let fires = |at: usize| z[at] > shift;
    let places = (0..n * m).filter(|&at| fires(at)).count();
    let z_ref = MatRef::new(z, n, m).expect(FITS);
    // Too little room at first, as it is met.
    for room in [places / 2, places, places + 3] {
        let (mut starts, mut indices, mut values, mut norms) = (vec![9; n + 1], vec![9; room], vec![unset; room], vec![unset; n]);
        let found = activate(level, form, shift, z_ref, &mut starts, &mut indices, &mut values, &mut norms).expect("shapes fit");
        assert_eq!(found, places, "{level}: places, with room for {room}");
        if room < places {
            continue;
        }
        let fired = Support::new(&starts, &indices[..places], m).expect("ascending");
        let h = SparseRef::new(fired, 1, &values[..places]).expect(FITS);
        for i in 0..n {
            let wanted: Vec<u32> = (0..m as u32).filter(|&r| fires(i * m + r as usize)).collect();
            assert_eq!(fired.row(i), wanted, "{level}: who fires on sample {i}");
            let taken = if form == Form::Soft { shift } else { T::ZERO };
            // One rounding, as the difference has it; the rest is held against these.
            let u: Vec<f64> = wanted.iter().map(|&r| (z[i * m + r as usize] - taken).to_f64()).collect();
            let square = Sum::of(u.iter().map(|&u| (u, u)));
            // Where squares leave the range, norms do.
            if u.iter().any(|&u| u * u < 1e-30 || u * u > most::<f32>()) || square.size > most::<f32>() {
                continue;
            }
            let (norm, k) = (square.value.sqrt(), u.len());
            // Half of what a sum of k squares may be off by, and the root's.
            let doubt = gamma::<T>(k + 3) + gamma::<f64>(k + 3);
            assert!((norms[i].to_f64() - norm).abs() <= doubt * norm, "{level}: norm of sample {i} is {}, not {norm}", norms[i]);
            for (h, u) in h.row(i, 0).iter().zip(&u) {
                // An inverse and a product more.
                assert!(
                    (h.to_f64() - u / norm).abs() <= (doubt + gamma::<T>(3)) * (u / norm).abs(),
                    "{level}: {h} of sample {i}, not {}",
                    u / norm
                );
            }
        }
        let mut first = vec![unset; depth * places];
        output_gradients(MatRef::new(a, depth, m).expect(FITS), fired, &mut first).expect("shapes fit");
        let stack = SparseRef::new(fired, depth, &first).expect(FITS);
        for (i, c) in (0..n).flat_map(|i| (0..depth).map(move |c| (i, c))) {
            assert!(stack.row(i, c).iter().zip(fired.row(i)).all(|(x, &r)| *x == a[c * m + r as usize]), "{level}: A on sample {i}, {c}");
        }
        let before = &e[..depth * places];
        let mut after = before.to_vec();
        unnormalise(level, h, &norms, depth, &mut after).expect("shapes fit");
        let (before, after) = (SparseRef::new(fired, depth, before).expect(FITS), SparseRef::new(fired, depth, &after).expect(FITS));
        for (i, c) in (0..n).flat_map(|i| (0..depth).map(move |c| (i, c))) {
            let (norm, h, e, k) = (norms[i].to_f64(), h.row(i, 0), before.row(i, c), fired.row(i).len());
            if norm == 0.0 {
                assert!(
                    after.row(i, c).iter().all(|&x| x == T::ZERO || x.is_nan()),
                    "{level}: nothing of sample {i}, on which nobody fires"
                );
                continue;
            }
            if !(norm > 1e-15 && norm < 1e15) {
                continue;
            }
            let along = Sum::of(h.iter().zip(e).map(|(h, e)| (h.to_f64(), e.to_f64())));
            for ((found, h), e) in after.row(i, c).iter().zip(h).zip(e) {
                // k of the inner product, two of h and its factor, two of the inverse and its product, a sum.
                let mut wanted = along.times(-1.0 / norm).times(h.to_f64());
                wanted.add(e.to_f64() / norm);
                wanted.lost += 1.0 / norm;
                wanted.check(*found, k + 6, || format!("{level}: g of sample {i}, output {c}"));
            }
        }
    }
}

/// The same integers in half as many bits.
fn in_halves<T: Float>(level: Level, w: &[f32], g: &Sparse<T>, below: &Sparse<T>, ins: usize, m: usize) {
    let mut halves = vec![Bf16x2::new(f32::NAN, f32::NAN); panels_len(ins, m) / 2];
    pack(MatRef::new(w, ins, m).expect(FITS), &mut halves).expect(FITS);
    let panels = Panels::packed(&halves, ins, m).expect(FITS);
    // T is f32 here, whatever its name.
    let values: &[f32] = bytemuck::cast_slice(g.values());
    let g = SparseRef::new(g.support(), g.depth(), values).expect(FITS);
    let found = run_back(level, g, panels, below.support());
    check_back(level, &found, g, below.support(), w, m);
}

fn back<T: Float>(level: Level, g: &Sparse<T>, panels: Panels<'_, impl Stored<Number = T>>, below: &Sparse<T>, w: &[T]) {
    let m = g.support().cols();
    let found = run_back(level, g.get().0, panels, below.support());
    check_back(level, &found, g.get().0, below.support(), w, m);
}

fn run_back<E: Stored>(level: Level, g: SparseRef<'_, E::Number>, panels: Panels<'_, E>, below: Support<'_>) -> Vec<E::Number> {
    let unset = bytemuck::Zeroable::zeroed();
    let mut e: Vec<E::Number> = vec![unset; g.depth() * below.len()];
    let mut scratch = vec![unset; backward_panels_scratch_len(g.depth(), g.support().longest(), below.longest())];
    // Dirty: all ones are no number.
    bytemuck::cast_slice_mut::<E::Number, u8>(&mut e).fill(0xFF);
    bytemuck::cast_slice_mut::<E::Number, u8>(&mut scratch).fill(0xFF);
    backward_panels(level, g, panels, below, &mut e, &mut scratch).expect("shapes fit");
    e
}

/// `e = W^T g` where somebody fires below: of small integers exactly.
fn check_back<T: Float>(level: Level, found: &[T], g: SparseRef<'_, T>, below: Support<'_>, w: &[T], m: usize) {
    let found = SparseRef::new(below, g.depth(), found).expect(FITS);
    for (i, c) in (0..g.rows()).flat_map(|i| (0..g.depth()).map(move |c| (i, c))) {
        for (e, &j) in found.row(i, c).iter().zip(below.row(i)) {
            let terms = g.support().row(i).iter().zip(g.row(i, c)).map(|(&r, g)| g.to_f64() * w[j as usize * m + r as usize].to_f64());
            assert_eq!(e.to_f64(), terms.sum::<f64>(), "{level}: sample {i}, output {c}, input {j} on the way back");
        }
    }
}

/// `s = sum_c U[i, c] g_(i, c)`, and `K U` of a layer: of small integers exactly.
fn products<T: Float>(level: Level, g: &Sparse<T>, u: &[T], p: &[T], before: &[T]) {
    let (n, m, depth) = (g.rows(), g.support().cols(), g.depth());
    let unset = T::from_f64(f64::NAN);
    let u_ref = MatRef::new(u, n, depth).expect(FITS);
    let mut s = vec![unset; g.support().len()];
    combine(level, g.get().0, u_ref, &mut s).expect("shapes fit");
    let parts: Vec<Vec<f64>> = (0..depth).map(|c| g.dense(c)).collect();
    let left = |i: usize, r: usize| -> f64 { (0..depth).map(|c| u[i * depth + c].to_f64() * parts[c][i * m + r]).sum() };
    for i in 0..n {
        let found = &s[g.support().range(i)];
        assert!(
            found.iter().zip(g.support().row(i)).all(|(s, &r)| s.to_f64() == left(i, r as usize)),
            "{level}: what sample {i} combines to"
        );
    }
    // Above the diagonal nothing is read.
    let triangle: Vec<T> = (0..n * n).map(|at| if at % n > at / n { unset } else { p[at] }).collect();
    let mut out = before.to_vec();
    let (rows, columns) = g.get();
    let mut scratch = vec![unset; gram_product_scratch_len(g.support().len(), columns.longest())];
    let to = MatMut::new(&mut out, n, depth).expect(FITS);
    gram_product(level, rows, columns, MatRef::new(&triangle, n, n).expect(FITS), u_ref, to, &mut scratch).expect("shapes fit");
    let combined: Vec<f64> = (0..n * m).map(|at| left(at / m, at % m)).collect();
    for j in 0..n {
        let mixed: Vec<f64> = (0..m).map(|r| (0..n).map(|i| p[i.max(j) * n + i.min(j)].to_f64() * combined[i * m + r]).sum()).collect();
        for c in 0..depth {
            let sum: f64 = (0..m).map(|r| parts[c][j * m + r] * mixed[r]).sum();
            assert_eq!(out[j * depth + c].to_f64(), before[j * depth + c].to_f64() + sum, "{level}: K U of sample {j}, output {c}");
        }
    }
}

/// `W = c H D1 H D2` in blocks, and its transpose.
fn structured<T: Float>(level: Level, w: Structured, g: &Sparse<T>, h: &Sparse<T>) {
    let (n, m, ins, block) = (g.rows(), g.support().cols(), h.support().cols(), w.block());
    // Of a length that is a power of two, where rows are numbered in the order of Sylvester.
    assert!(block.is_power_of_two(), "{level}: a block of {block} for {ins} inputs");
    let unset = T::from_f64(f64::NAN);
    let turn = |x: &mut Vec<f64>| {
        let mut half = 1;
        while half < x.len() {
            for at in (0..x.len()).filter(|at| at & half == 0) {
                (x[at], x[at + half]) = (x[at] + x[at + half], x[at] - x[at + half]);
            }
            half *= 2;
        }
    };
    let sign = |signs: Signs<'_>, x: &mut Vec<f64>| {
        x.iter_mut().enumerate().filter(|(at, _)| signs.is_minus(*at)).for_each(|(_, x)| *x = -*x);
    };
    let scale = 1.0 / (block as f64).sqrt();
    // Entries go through as many sums as there are stages, and a scale that is rounded itself; on the way back one for each block.
    let roundings = 2 * block.ilog2() as usize + 4 + m.div_ceil(block);
    let size = |x: &[f64]| x.iter().map(|x| x.abs()).sum::<f64>() * (block as f64).sqrt();

    let mut z = vec![unset; n * m];
    let mut scratch = vec![unset; Weights::<T>::forward_scratch_len(&w, h.support().len())];
    w.forward(level, h.get(), MatMut::new(&mut z, n, m).expect(FITS), &mut scratch).expect("shapes fit");
    let rows = h.dense(0);
    for (i, k) in (0..n).flat_map(|i| (0..m.div_ceil(block)).map(move |k| (i, k))) {
        let row = &rows[i * ins..(i + 1) * ins];
        let mut x = row.to_vec();
        x.resize(block, 0.0);
        sign(w.signs(k, 1), &mut x);
        turn(&mut x);
        sign(w.signs(k, 0), &mut x);
        turn(&mut x);
        for (z, x) in z[i * m..(i + 1) * m].iter().skip(k * block).zip(&x) {
            let allowed = (gamma::<T>(roundings) + gamma::<f64>(roundings)) * size(row);
            assert!((z.to_f64() - scale * x).abs() <= allowed, "{level}: block {k} of sample {i}: {z}, should be {}", scale * x);
        }
    }
    let mut e = vec![unset; g.depth() * h.support().len()];
    let lens = (g.support().longest(), h.support().longest());
    let mut scratch = vec![unset; Weights::<T>::backward_scratch_len(&w, g.depth(), lens.0, lens.1)];
    w.backward(level, g.get().0, h.support(), &mut e, &mut scratch).expect("shapes fit");
    let found = SparseRef::new(h.support(), g.depth(), &e).expect(FITS);
    // Each output goes by itself: the last stands for all.
    if let Some(c) = g.depth().checked_sub(1) {
        let dense = g.dense(c);
        for i in 0..n {
            let mut sum = vec![0.0; block];
            let row = &dense[i * m..(i + 1) * m];
            for (k, part) in row.chunks(block).enumerate() {
                let mut x = part.to_vec();
                x.resize(block, 0.0);
                turn(&mut x);
                sign(w.signs(k, 0), &mut x);
                turn(&mut x);
                sign(w.signs(k, 1), &mut x);
                sum.iter_mut().zip(&x).for_each(|(sum, x)| *sum += scale * x);
            }
            let allowed = (gamma::<T>(roundings) + gamma::<f64>(roundings)) * size(row);
            for (e, &j) in found.row(i, c).iter().zip(h.support().row(i)) {
                assert!(
                    (e.to_f64() - sum[j as usize]).abs() <= allowed,
                    "{level}: {e} back to input {j} of sample {i}, not {}",
                    sum[j as usize]
                );
            }
        }
    }
}
