//! Sparse products, deep layers and low-rank updates against their definitions, at every level.

use crate::oracle::{Dense, assert_close, dirty, levels, numbers, signs};
use subquad::hadamard::Signs;
use subquad::low_rank::{Flush, Situation, Update, cheapest};
use subquad::relu::deep::{
    Form, Structured, Weights, activate, combine, fired_share, gram_product, gram_product_scratch_len, output_gradients, paper_shift,
    shift_for, unnormalise,
};
use subquad::simd::Float;
use subquad::sparse::{
    Columns, Panels, PanelsMut, SparseRef, Support, overlap, overlap_scratch_len, pack, panels_len, spread, spread_scratch_len,
    times_panels, transpose,
};
use subquad::{Error, Level, MatMut, MatRef, Real};

/// A sparse stack that owns its parts.
#[derive(Clone)]
pub(crate) struct Rows<T> {
    starts: Vec<usize>,
    pub indices: Vec<u32>,
    values: Vec<T>,
    pub depth: usize,
    cols: usize,
    by_column: (Vec<usize>, Vec<u32>, Vec<u32>),
}

impl<T: Float> Rows<T> {
    fn new(starts: Vec<usize>, indices: Vec<u32>, values: Vec<T>, depth: usize, cols: usize) -> Self {
        let len = indices.len();
        let mut by_column = (vec![7; cols + 1], vec![7; len], vec![7; len]);
        let support = Support::new(&starts, &indices, cols).unwrap();
        transpose(support, &mut by_column.0, &mut by_column.1, &mut by_column.2).unwrap();
        Self { starts, indices, values, depth, cols, by_column }
    }
    /// About `share` of all places, with an empty row now and then.
    pub fn random(rows: usize, cols: usize, depth: usize, share: f64, seed: u64) -> Self {
        let keep: Vec<f64> = numbers(rows * cols, seed);
        let (mut starts, mut indices) = (vec![0], vec![]);
        for i in 0..rows {
            if i % 7 != 3 {
                indices.extend((0..cols).filter(|j| keep[i * cols + j].abs() < share).map(|j| j as u32));
            }
            starts.push(indices.len());
        }
        let values = numbers(depth * indices.len(), seed + 1);
        Self::new(starts, indices, values, depth, cols)
    }
    pub fn support(&self) -> Support<'_> {
        Support::new(&self.starts, &self.indices, self.cols).unwrap()
    }
    pub fn get(&self) -> SparseRef<'_, T> {
        SparseRef::new(self.support(), self.depth, &self.values).unwrap()
    }
    fn columns(&self) -> Columns<'_> {
        Columns::new(&self.by_column.0, &self.by_column.1, &self.by_column.2).unwrap()
    }
    pub fn both(&self) -> (SparseRef<'_, T>, Columns<'_>) {
        (self.get(), self.columns())
    }
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }
    fn dense(&self, c: usize) -> Dense {
        let mut dense = Dense::from_fn(self.rows(), self.cols, |_, _| 0.0);
        for i in 0..self.rows() {
            for (&j, x) in self.support().row(i).iter().zip(self.get().row(i, c)) {
                dense.data[i * self.cols + j as usize] = x.to_f64();
            }
        }
        dense
    }
    /// Of a dense stack, what stands on the places of this one.
    fn pick(&self, stack: &[Dense]) -> Vec<f64> {
        let mut out = vec![];
        for i in 0..self.rows() {
            for dense in stack {
                out.extend(self.support().row(i).iter().map(|&j| dense.at(i, j as usize)));
            }
        }
        out
    }
}

fn packed<T: Float>(m: &[T], rows: usize, cols: usize) -> Vec<T> {
    let mut to = vec![T::from_f64(f64::NAN); panels_len(rows, cols)];
    pack(MatRef::new(m, rows, cols).unwrap(), &mut to).unwrap();
    to
}

fn dense<T: Float>(m: &[T], rows: usize, cols: usize) -> Dense {
    Dense::of(MatRef::new(m, rows, cols).unwrap())
}

fn abs(m: &Dense) -> Dense {
    m.map(f64::abs)
}

/// |A| |B|, and a little where nothing is added up.
fn size(a: &Dense, b: &Dense) -> Vec<f64> {
    abs(a).times(&abs(b)).map(|x| x + 1e-30).data
}

fn each_level(check: impl Fn(Level)) {
    levels().for_each(check);
}

#[test]
fn supports_are_checked_at_the_door() {
    assert!(Support::new(&[0, 2, 3], &[0, 4, 2], 5).is_ok());
    assert!(Support::new(&[0], &[], 0).is_ok());
    for (starts, indices, cols) in [
        (&[][..], &[][..], 3),
        (&[1, 2], &[0, 1], 3),
        (&[0, 1], &[0, 1], 3),
        (&[0, 3, 2, 4], &[0, 1, 2, 3], 9),
        (&[0, 5, 2], &[0, 1], 3),
        (&[0, 2], &[1, 1], 3),
        (&[0, 2], &[2, 1], 3),
        (&[0, 2], &[1, 3], 3),
    ] {
        assert!(Support::new(starts, indices, cols).is_err(), "{starts:?} {indices:?} {cols}");
    }
    let support = Support::new(&[0, 2], &[0, 1], 2).unwrap();
    assert!(matches!(SparseRef::new(support, 2, &[0.0f32; 3]), Err(Error::Length { expected: 4, found: 3, .. })));
    assert!(Columns::new(&[0, 2, 1, 2], &[0, 0], &[0, 0]).is_err());
    // Two rows share a column, one is alone in another; none at all.
    let (some, none) = (Columns::new(&[0, 2, 3], &[0, 1, 1], &[0, 0, 1]).unwrap(), Columns::new(&[0], &[], &[]).unwrap());
    assert_eq!((some.pairs(), some.is_empty(), none.pairs(), none.is_empty()), (5, false, 0, true));
    assert!(!support.is_empty() && Support::new(&[0], &[], 2).unwrap().is_empty());
    assert!(transpose(support, &mut [0; 2], &mut [0; 2], &mut [0; 2]).is_err());
}

#[test]
fn columns_are_the_rows_turned() {
    let a = Rows::<f32>::random(23, 41, 1, 0.3, 5);
    let turned = a.dense(0);
    for r in 0..41 {
        let (rows, places) = a.columns().column(r);
        let found: Vec<f64> = rows.iter().zip(places).map(|(&i, &place)| a.get().row(i as usize, 0)[place as usize].to_f64()).collect();
        let wanted: Vec<(u32, f64)> = (0..23).filter(|&i| turned.at(i, r) != 0.0).map(|i| (i as u32, turned.at(i, r))).collect();
        assert_eq!(rows.iter().copied().zip(found).collect::<Vec<_>>(), wanted);
    }
    assert_eq!(a.columns().column(41), (&[][..], &[][..]));
    let lengths: Vec<usize> = (0..41).map(|r| a.columns().column(r).0.len()).collect();
    assert_eq!(a.columns().longest(), *lengths.iter().max().unwrap());
    assert_eq!(a.columns().pairs(), lengths.iter().map(|&len| (len * len) as u64).sum::<u64>());
    let nothing = Rows::<f32>::random(3, 4, 1, 0.0, 5);
    assert!(nothing.support().is_empty() && nothing.columns().is_empty() && !a.support().is_empty() && !a.columns().is_empty());
    assert_eq!((nothing.columns().longest(), nothing.columns().pairs()), (0, 0));
}

fn products<T: Float>(level: Level) {
    for (n, m, cols) in [(1, 1, 1), (3, 5, 63), (9, 70, 64), (17, 33, 65), (8, 90, 200), (0, 4, 3)] {
        let a = Rows::<T>::random(n, m, 1, 0.4, 11);
        let b: Vec<T> = numbers(m * cols, 12);
        let b_packed = packed(&b, m, cols);
        let first: Vec<T> = numbers(n * cols, 13);
        let product = a.dense(0).times(&dense(&b, m, cols));
        let bound = size(&a.dense(0), &dense(&b, m, cols));
        for panels in [Panels::packed(&b_packed, m, cols).unwrap(), Panels::row_major(&b, m, cols).unwrap()] {
            let mut out = dirty::<T>(n * cols);
            times_panels(level, a.get(), panels, false, MatMut::new(&mut out, n, cols).unwrap()).unwrap();
            assert_close(&out, &product.data, &bound, m as f64, "times_panels");
            let mut out = first.clone();
            times_panels(level, a.get(), panels, true, MatMut::new(&mut out, n, cols).unwrap()).unwrap();
            let sum = product.with(&dense(&first, n, cols), |a, b| a + b);
            assert_close(&out, &sum.data, &bound.iter().map(|x| x + 1.0).collect::<Vec<_>>(), m as f64, "times_panels, added");
            if m > 0 && cols > 0 {
                assert_eq!(panels.get(m - 1, cols - 1), Some(b[m * cols - 1]));
                assert_eq!((panels.get(m, 0), panels.get(0, cols)), (None, None));
            }
        }
        // What stands behind the last column is not used.
        let mut out = dirty::<T>(n * cols);
        assert!(
            times_panels(level, a.get(), Panels::packed(&b_packed, m, cols).unwrap(), false, MatMut::new(&mut out, cols, n).unwrap())
                .is_err()
                || n == cols
        );

        // Z + alpha M^T U
        let u = Rows::<T>::random(m, n.max(1) * 9, 1, 0.3, 14);
        let shares: Vec<T> = numbers(m * cols, 15);
        let neurons = u.cols;
        let z: Vec<T> = numbers(cols * neurons, 16);
        let mut out = z.clone();
        let mut scratch = dirty::<T>(spread_scratch_len(u.indices.len()));
        let m_panels = Panels::row_major(&shares, m, cols).unwrap();
        spread(level, T::from_f64(-0.5), u.get(), u.columns(), m_panels, MatMut::new(&mut out, cols, neurons).unwrap(), &mut scratch)
            .unwrap();
        let product = dense(&shares, m, cols).t().times(&u.dense(0));
        let wanted = dense(&z, cols, neurons).with(&product, |z, x| z - 0.5 * x);
        let bound: Vec<f64> = size(&dense(&shares, m, cols).t(), &u.dense(0)).iter().map(|x| x + 1.0).collect();
        assert_close(&out, &wanted.data, &bound, m as f64 + 2.0, "spread");
    }
}

#[test]
fn products_with_dense_matrices() {
    each_level(|level| {
        products::<f32>(level);
        products::<f64>(level);
    });
}

fn overlaps<T: Float>(level: Level) {
    for (n, other, m, depth, share) in
        [(1, 1, 1, 1, 1.0), (7, 40, 30, 1, 0.5), (33, 20, 64, 3, 0.3), (70, 9, 20, 4, 1.0), (5, 5, 9, 10, 0.0)]
    {
        let (a, b) = (Rows::<T>::random(n, m, depth, share, 21), Rows::<T>::random(other, m, depth, share, 22));
        let mut scratch = dirty::<T>(overlap_scratch_len(depth, n, n.max(other)));
        let first: Vec<T> = numbers(n * n.max(other), 23);
        for (b, symmetric) in [(&a, true), (&a, false), (&b, false)] {
            let cols = b.rows();
            let mut out = first[..n * cols].to_vec();
            overlap(level, a.both(), b.both(), symmetric, MatMut::new(&mut out, n, cols).unwrap(), &mut scratch).unwrap();
            let mut wanted = dense(&first[..n * cols], n, cols);
            let mut bound = wanted.map(|x| x.abs() + 1.0);
            for c in 0..depth {
                wanted = wanted.with(&a.dense(c).times(&b.dense(c).t()), |x, y| x + y);
                bound = bound.with(&abs(&a.dense(c)).times(&abs(&b.dense(c).t())), |x, y| x + y);
            }
            if symmetric {
                for i in 0..n {
                    for j in i + 1..n {
                        wanted.data[i * n + j] = first[i * n + j].to_f64();
                    }
                }
            }
            assert_close(&out, &wanted.data, &bound.data, (m * depth) as f64 + 2.0, "overlap");
        }
    }
}

#[test]
fn rows_times_rows() {
    each_level(|level| {
        overlaps::<f32>(level);
        overlaps::<f64>(level);
    });
}

fn activations<T: Float>(level: Level) {
    for (n, m, form, shift) in
        [(1, 1, Form::Soft, 0.0), (9, 37, Form::Soft, 0.3), (9, 64, Form::Hard, 0.3), (5, 130, Form::Soft, 0.0), (3, 8, Form::Hard, 5.0)]
    {
        let mut z: Vec<T> = numbers(n * m, 31);
        if m > 9 {
            z[m + 4] = T::from_f64(f64::NAN);
            z[2 * m..3 * m].fill(T::from_f64(shift)); // nobody fires: the comparison is strict
        }
        let fires = |i: usize, r: usize| z[i * m + r].to_f64() > T::from_f64(shift).to_f64();
        let places: usize = (0..n * m).filter(|&k| fires(k / m, k % m)).count();
        let view = MatRef::new(&z, n, m).unwrap();
        let run = |room: usize| {
            let (mut starts, mut indices) = (vec![9; n + 1], vec![9; room]);
            let (mut values, mut norms) = (dirty::<T>(room), dirty::<T>(n));
            let found = activate(level, form, T::from_f64(shift), view, &mut starts, &mut indices, &mut values, &mut norms).unwrap();
            assert_eq!((found, starts[n]), (places, places), "room {room}");
            (starts, indices, values, norms)
        };
        for room in [0, places / 2, places.saturating_sub(1)] {
            run(room);
        }
        for extra in [0, 3, 100] {
            let (starts, indices, values, norms) = run(places + extra);
            for i in 0..n {
                let wanted: Vec<u32> = (0..m).filter(|&r| fires(i, r)).map(|r| r as u32).collect();
                assert_eq!(&indices[starts[i]..starts[i + 1]], wanted);
                let taken = if form == Form::Soft { shift } else { 0.0 };
                let u: Vec<f64> = wanted.iter().map(|&r| z[i * m + r as usize].to_f64() - taken).collect();
                let norm = u.iter().map(|u| u * u).sum::<f64>().sqrt();
                assert!((norms[i].to_f64() - norm).abs() <= 8.0 * T::EPSILON.to_f64() * (norm + taken));
                for (h, u) in values[starts[i]..].iter().zip(&u) {
                    assert!((h.to_f64() * norm - u).abs() <= 8.0 * T::EPSILON.to_f64() * (norm + taken));
                }
            }
            assert!(Support::new(&starts, &indices[..places], m).is_ok());
        }
    }
    // Values whose squares vanish have a norm of zero: they and their gradients are zero then, and not something divided by it.
    let (tiny, mut indices, mut starts) = ([T::from_f64(if T::EPSILON.to_f64() > 1e-10 { 1e-30 } else { 1e-200 }), T::ONE], [9; 2], [9; 3]);
    let (mut values, mut norms) = (dirty::<T>(2), dirty::<T>(2));
    let z = MatRef::new(&tiny, 2, 1).unwrap();
    activate(level, Form::Soft, T::ZERO, z, &mut starts, &mut indices, &mut values, &mut norms).unwrap();
    assert_eq!((starts, norms[0], values[0], norms[1], values[1]), ([0, 1, 2], T::ZERO, T::ZERO, T::ONE, T::ONE), "{level}");
    let h = SparseRef::new(Support::new(&starts, &indices, 1).unwrap(), 1, &values).unwrap();
    let mut e = [T::ONE; 2];
    unnormalise(level, h, &norms, 1, &mut e).unwrap();
    assert_eq!(e, [T::ZERO; 2], "{level}");
    let z = [T::ONE; 4];
    let z = MatRef::new(&z, 2, 2).unwrap();
    let bad = |shift: f64| activate(level, Form::Soft, T::from_f64(shift), z, &mut [0; 3], &mut [], &mut [], &mut [T::ZERO; 2]);
    assert!(bad(-1.0).is_err() && bad(f64::NAN).is_err() && bad(0.5).is_ok());
    let strided = z.t();
    assert!(activate(level, Form::Soft, T::ZERO, strided, &mut [0; 3], &mut [], &mut [], &mut [T::ZERO; 2]).is_err());
}

#[test]
fn who_fires_and_what_it_says() {
    each_level(|level| {
        activations::<f32>(level);
        activations::<f64>(level);
    });
    assert!((fired_share(0.0) - 0.5).abs() < 1e-15);
    // Tables of the normal distribution.
    assert!((fired_share(1.0) - 0.158_655_253_931_457_05).abs() < 1e-15 && (fired_share(2.0) - 0.022_750_131_948_179_21).abs() < 1e-15);
    for p in [0.5, 0.1, 0.02, 1e-6] {
        assert!((fired_share(shift_for(p).unwrap()) / p - 1.0).abs() < 1e-10);
    }
    assert!([0.0, -1.0, 0.6, f64::NAN].iter().all(|&p| shift_for(p).is_err()));
    assert!([1usize, 2, 64, 4096, 1 << 20].iter().all(|&m| (paper_shift(m).powi(2) - 0.4 * (m as f64).ln()).abs() < 1e-12));
}

/// W of anything that has products: column by column, from unit vectors.
fn matrix_of<T: Float>(level: Level, w: &impl Weights<T>) -> Dense {
    let (m, d) = (w.outputs(), w.inputs());
    let unit = Rows::new((0..=d).collect(), (0..d as u32).collect(), vec![T::ONE; d], 1, d);
    let mut z = dirty::<T>(d * m);
    w.forward(level, unit.both(), MatMut::new(&mut z, d, m).unwrap(), &mut dirty(w.forward_scratch_len(d))).unwrap();
    dense(&z, d, m).t()
}

/// What products with these weights may be off by: (bound per entry, units).
///
/// * entries of W: a chain of multiply-adds, `|H| |W|^T` times its length;
/// * transforms of blocks of N rows: every stage rounds relative to the norm of what passes through it, and there are log2 N of them twice,
///   one scaling, and the rounded entries of the matrix they are compared with: `(2 log2 N + 3) sqrt(N) |h|` in every entry, and an addition more
///   for every block that backward passes sum.
fn allowed(rows: &Dense, matrix: &Dense, block: Option<usize>) -> (Dense, f64) {
    match block {
        None => (abs(rows).times(&abs(matrix)).map(|x| x + 1e-30), matrix.rows as f64 + 2.0),
        Some(n) => {
            let blocks = rows.cols.div_ceil(n);
            let norm = |i: usize, k: usize| (k * n..rows.cols.min((k + 1) * n)).map(|r| rows.at(i, r).powi(2)).sum::<f64>().sqrt();
            let size = |i: usize| (0..blocks).map(|k| norm(i, k)).sum::<f64>() * (n as f64).sqrt() + 1e-30;
            let sizes: Vec<f64> = (0..rows.rows).map(size).collect();
            (Dense::from_fn(rows.rows, matrix.cols, |i, _| sizes[i]), 2.0 * (n as f64).log2() + 3.0 + blocks as f64)
        }
    }
}

fn back<T: Float>(level: Level, w: &impl Weights<T>, block: Option<usize>) {
    let (m, d) = (w.outputs(), w.inputs());
    let matrix = matrix_of(level, w);
    // More samples than pass together; fewer where the matrix has more columns than a block.
    let many = if m * d < 3_000 { 600 } else { 12 };
    for (n, depth, share) in [(9, 10, 0.3), (1, 1, 1.0), (many, 3, 0.1), (4, 2, 0.0), (3, 33, 0.4), (2, 8, 0.9), (2, 0, 0.5)] {
        let (g, below) = (Rows::<T>::random(n, m, depth, share, 41), Rows::<T>::random(n, d, 1, share, 42));
        let mut e = dirty::<T>(depth * below.indices.len());
        let mut scratch = dirty::<T>(w.backward_scratch_len(depth, g.get().support().longest(), below.support().longest()));
        w.backward(level, g.get(), below.support(), &mut e, &mut scratch).unwrap();
        let wanted: Vec<Dense> = (0..depth).map(|c| g.dense(c).times(&matrix)).collect();
        let allowed_back: Vec<(Dense, f64)> = (0..depth).map(|c| allowed(&g.dense(c), &matrix, block)).collect();
        let units = allowed_back.first().map_or(0.0, |(_, units)| *units);
        let bound: Vec<Dense> = allowed_back.into_iter().map(|(bound, _)| bound).collect();
        assert_close(&e, &below.pick(&wanted), &below.pick(&bound), units, "backward");

        let h = Rows::<T>::random(n, d, 1, share, 43);
        let mut z = dirty::<T>(n * m);
        w.forward(level, h.both(), MatMut::new(&mut z, n, m).unwrap(), &mut dirty(w.forward_scratch_len(h.indices.len()))).unwrap();
        let (bound, units) = allowed(&h.dense(0), &matrix.t(), block);
        assert_close(&z, &h.dense(0).times(&matrix.t()).data, &bound.data, units, "forward");
    }
}

fn weights<T: Float>(level: Level) {
    for (m, d) in [(1, 1), (70, 33), (64, 64), (200, 130), (65, 2100), (330, 530)] {
        let w: Vec<T> = numbers(m * d, 51);
        let across: Vec<T> = (0..m * d).map(|k| w[k % m * d + k / m]).collect();
        let panels = packed(&across, d, m);
        for view in [Panels::packed(&panels, d, m).unwrap(), Panels::row_major(&across, d, m).unwrap()] {
            assert_eq!(matrix_of(level, &view), dense(&w, m, d));
            back(level, &view, None);
        }
        let structured = Structured::new(m, d, 9).unwrap();
        back::<T>(level, &structured, Some(structured.block()));
    }
}

#[test]
fn weights_forward_and_back() {
    each_level(|level| {
        weights::<f32>(level);
        weights::<f64>(level);
    });
}

/// A seed stands for the same matrix in every version: models on disk hold nothing else of it.
#[test]
fn seeds_of_structured_weights_stay() {
    let pinned: [(u64, usize, u64, u64); 5] = [
        (7, 0, 0, 0xDC65_6D86_9AE3_D209),
        (7, 0, 1, 0x64A8_D32E_92C3_F579),
        (7, 1, 0, 0x81E9_35BE_2E76_FA36),
        (7, 13, 1, 0x1223_59CC_52E5_9125),
        (u64::MAX, 2, 1, 0x1194_5C64_823C_EA88),
    ];
    for (seed, k, which, wanted) in pinned {
        assert_eq!(Structured::new(10_000, 700, seed).unwrap().signs(k, which), Signs::Seed(wanted), "seed {seed}, block {k}, {which}");
    }
}

#[test]
fn structured_weights_are_orthogonal_rows_of_variance_one() {
    for (m, d, block) in [(256, 65, 128), (300, 300, 320), (1024, 1024, 1024)] {
        let w = Structured::new(m, d, 77).unwrap();
        assert_eq!(w.block(), block);
        let matrix = matrix_of::<f64>(Level::detect(), &w);
        let gram = matrix.times(&matrix.t());
        for i in 0..m.min(40) {
            let diagonal = gram.at(i, i) / d as f64;
            assert!((diagonal - 1.0).abs() < 0.5, "row {i}: {diagonal}");
            if d == block {
                assert!((diagonal - 1.0).abs() < 1e-12);
                assert!((0..i).all(|j| gram.at(i, j).abs() < 1e-9), "rows of a block are orthogonal");
            }
        }
        // Fourth moments: 3 for Gaussian entries; one transform alone would have 1.
        let fourth = matrix.data.iter().map(|x| x.powi(4)).sum::<f64>() / matrix.data.len() as f64;
        assert!((fourth - 3.0).abs() < 0.5, "{fourth}");
        let other = Structured::new(m, d, 78).unwrap();
        assert_ne!(matrix, matrix_of::<f64>(Level::detect(), &other));
    }
}

fn low_rank<T: Float>(level: Level) {
    for (rank, n, m, d, share) in
        [(1, 1, 1, 1, 1.0), (20, 9, 70, 33, 0.3), (65, 130, 40, 64, 0.2), (5, 3, 130, 7, 0.0), (6, 2, 66, 4200, 0.05)]
    {
        let (u, v) = (Rows::<T>::random(rank, m, 1, share, 61), Rows::<T>::random(rank, d, 1, share, 62));
        let update = Update::new(u.both(), v.both()).unwrap();
        let sum = u.dense(0).t().times(&v.dense(0));
        let most = abs(&u.dense(0).t()).times(&abs(&v.dense(0)));
        let units = 2.0 * (rank + d + m) as f64;

        let x = Rows::<T>::random(n, d, 1, share, 63);
        let first: Vec<T> = numbers(n * m, 64);
        let mut z = first.clone();
        let mut scratch = dirty::<T>(update.query_scratch_len(n));
        update.query(level, T::from_f64(2.0), x.both(), MatMut::new(&mut z, n, m).unwrap(), &mut scratch).unwrap();
        let wanted = dense(&first, n, m).with(&x.dense(0).times(&sum.t()), |z, x| z + 2.0 * x);
        let bound = abs(&x.dense(0)).times(&most.t()).map(|x| 2.0 * x + 1.0);
        assert_close(&z, &wanted.data, &bound.data, units, "query");

        for depth in [1, 3, 10, 33] {
            let (g, below) = (Rows::<T>::random(n, m, depth, share, 65), Rows::<T>::random(n, d, 1, share, 66));
            let first: Vec<T> = numbers(depth * below.indices.len(), 67);
            let mut e = first.clone();
            let mut scratch = dirty::<T>(update.transposed_query_scratch_len(depth));
            update.transposed_query(level, g.get(), below.support(), &mut e, &mut scratch).unwrap();
            let wanted: Vec<Dense> = (0..depth).map(|c| g.dense(c).times(&sum)).collect();
            let bound: Vec<Dense> = (0..depth).map(|c| abs(&g.dense(c)).times(&most).map(|x| x + 1.0)).collect();
            let wanted: Vec<f64> = below.pick(&wanted).iter().zip(&first).map(|(x, first)| x + first.to_f64()).collect();
            assert_close(&e, &wanted, &below.pick(&bound), units, "transposed query");
        }

        let w: Vec<T> = numbers(d * m, 68);
        let wanted = dense(&w, d, m).with(&sum.t(), |w, x| w + x);
        let bound = most.t().map(|x| x + 1.0);
        for flush in 0..2 {
            let mut panels = packed(&w, d, m);
            let mut view = PanelsMut::packed(&mut panels, d, m).unwrap();
            if flush == 0 {
                update.fold_sparse(&mut view).unwrap();
            } else {
                update.fold_dense(level, &mut view, &mut dirty(update.fold_dense_scratch_len())).unwrap();
            }
            let panels = Panels::packed(&panels, d, m).unwrap();
            let found: Vec<T> = (0..d * m).map(|k| panels.get(k / m, k % m).unwrap()).collect();
            assert_close(&found, &wanted.data, &bound.data, units, "fold");
            assert!(update.fold_sparse(&mut PanelsMut::packed(&mut dirty::<T>(panels_len(m + 1, d)), m + 1, d).unwrap()).is_err());
        }
        if x.indices.len() > 1 {
            assert!(update.query(level, T::ONE, x.both(), MatMut::new(&mut z, n, m).unwrap(), &mut []).is_err());
        }
    }
    let (u, v) = (Rows::<T>::random(4, 3, 1, 0.5, 1), Rows::<T>::random(5, 3, 1, 0.5, 1));
    assert!(Update::new(u.both(), v.both()).is_err());
}

/// Stacks of no places may be as deep as a machine can count: nothing is written, at once.
#[test]
fn no_places_of_any_depth() {
    let none = Columns::new(&[0; 4], &[], &[]).unwrap();
    let (nobody, no_term) = (Support::new(&[0, 0, 0], &[], 3).unwrap(), Support::new(&[0], &[], 3).unwrap());
    let factor = (SparseRef::new(no_term, 1, &[] as &[f32]).unwrap(), none);
    let (update, w) = (Update::new(factor, factor).unwrap(), numbers::<f32>(9, 1));
    each_level(|level| {
        for depth in [usize::MAX / 4, usize::MAX / 2, usize::MAX - 1, usize::MAX] {
            let g = SparseRef::new(nobody, depth, &[] as &[f32]).unwrap();
            Panels::row_major(&w, 3, 3).unwrap().backward(level, g, nobody, &mut [], &mut []).unwrap();
            update.transposed_query(level, g, nobody, &mut [], &mut []).unwrap();
        }
    });
}

#[test]
fn low_rank_updates() {
    each_level(|level| {
        low_rank::<f32>(level);
        low_rank::<f64>(level);
    });
}

/// Passes through a matrix and the updates that are still apart, before and after each of them is written into it.
fn flushing<T: Float>(level: Level, dense_flush: bool) {
    let (m, d, n, rank, depth) = (130, 70, 9, 12, 2);
    let w: Vec<T> = numbers(d * m, 81);
    let mut panels = packed(&w, d, m);
    let (mut matrix, mut most) = (dense(&w, d, m), abs(&dense(&w, d, m)));
    let (x, g, below) = (Rows::<T>::random(n, d, 1, 0.3, 82), Rows::<T>::random(n, m, depth, 0.3, 83), Rows::<T>::random(n, d, 1, 0.4, 84));
    for step in 0..4u64 {
        let (u, v) = (Rows::<T>::random(rank, m, 1, 0.3, 90 + step), Rows::<T>::random(rank, d, 1, 0.3, 95 + step));
        let update = Update::new(u.both(), v.both()).unwrap();
        matrix = matrix.with(&v.dense(0).t().times(&u.dense(0)), |w, x| w + x);
        most = most.with(&abs(&v.dense(0)).t().times(&abs(&u.dense(0))), |w, x| w + x);
        for apart in [true, false] {
            if !apart {
                let mut view = PanelsMut::packed(&mut panels, d, m).unwrap();
                if dense_flush {
                    update.fold_dense(level, &mut view, &mut dirty(update.fold_dense_scratch_len())).unwrap();
                } else {
                    update.fold_sparse(&mut view).unwrap();
                }
            }
            let view = Panels::packed(&panels, d, m).unwrap();
            let (mut z, mut e) = (dirty::<T>(n * m), dirty::<T>(depth * below.indices.len()));
            view.forward(level, x.both(), MatMut::new(&mut z, n, m).unwrap(), &mut []).unwrap();
            let mut scratch =
                dirty(Weights::<T>::backward_scratch_len(&view, depth, g.get().support().longest(), below.support().longest()));
            view.backward(level, g.get(), below.support(), &mut e, &mut scratch).unwrap();
            if apart {
                let out = MatMut::new(&mut z, n, m).unwrap();
                update.query(level, T::ONE, x.both(), out, &mut dirty(update.query_scratch_len(n))).unwrap();
                let mut scratch = dirty(update.transposed_query_scratch_len(depth));
                update.transposed_query(level, g.get(), below.support(), &mut e, &mut scratch).unwrap();
            }
            let (units, name) = (2.0 * (d + m + 4 * rank) as f64, format!("step {step}, apart {apart}, dense {dense_flush}"));
            let bound = abs(&x.dense(0)).times(&most).map(|x| x + 1e-30);
            assert_close(&z, &x.dense(0).times(&matrix).data, &bound.data, units, &name);
            let wanted: Vec<Dense> = (0..depth).map(|c| g.dense(c).times(&matrix.t())).collect();
            let bound: Vec<Dense> = (0..depth).map(|c| abs(&g.dense(c)).times(&most.t()).map(|x| x + 1e-30)).collect();
            assert_close(&e, &below.pick(&wanted), &below.pick(&bound), units, &name);
        }
    }
}

#[test]
fn flushes_agree_with_the_dense_product() {
    each_level(|level| {
        for dense_flush in [false, true] {
            flushing::<f32>(level, dense_flush);
            flushing::<f64>(level, dense_flush);
        }
    });
}

fn gram_products<T: Float>(level: Level) {
    for (n, m, c, share) in [(1, 1, 1, 1.0), (20, 90, 3, 0.3), (40, 33, 10, 0.1), (5, 8, 2, 0.0)] {
        let g = Rows::<T>::random(n, m, c, share, 71);
        let p: Vec<T> = numbers(n * n, 72);
        let p: Vec<T> = (0..n * n).map(|k| p[(k / n).max(k % n) * n + (k / n).min(k % n)]).collect();
        let (u, first): (Vec<T>, Vec<T>) = (numbers(n * c, 73), numbers(n * c, 74));
        let mut out = first.clone();
        let mut scratch = dirty::<T>(gram_product_scratch_len(g.indices.len(), g.columns().longest()));
        let (pv, uv) = (MatRef::new(&p, n, n).unwrap(), MatRef::new(&u, n, c).unwrap());
        gram_product(level, g.get(), g.columns(), pv, uv, MatMut::new(&mut out, n, c).unwrap(), &mut scratch).unwrap();
        let (mut wanted, mut bound) = (dense(&first, n, c), dense(&first, n, c).map(|_| 1.0));
        for a in 0..c {
            for b in 0..c {
                let gg = g.dense(a).times(&g.dense(b).t());
                let size = abs(&g.dense(a)).times(&abs(&g.dense(b).t()));
                for i in 0..n {
                    for j in 0..n {
                        wanted.data[i * c + a] += gg.at(i, j) * p[i * n + j].to_f64() * u[j * c + b].to_f64();
                        bound.data[i * c + a] += size.at(i, j) * p[i * n + j].to_f64().abs() * u[j * c + b].to_f64().abs();
                    }
                }
            }
        }
        assert_close(&out, &wanted.data, &bound.data, (n + m + c) as f64 + 4.0, "gram product");

        let mut s = dirty::<T>(g.indices.len());
        combine(level, g.get(), uv, &mut s).unwrap();
        let sum = Dense::from_fn(n, m, |i, r| (0..c).map(|c| g.dense(c).at(i, r) * uv.get(i, c).unwrap().to_f64()).sum());
        let one = Rows { depth: 1, values: s.clone(), ..g.clone() };
        assert_close(&s, &one.pick(&[sum]), &vec![c as f64; s.len()], 8.0, "combine");
    }
}

#[test]
fn products_with_the_gram_matrix() {
    each_level(|level| {
        gram_products::<f32>(level);
        gram_products::<f64>(level);
    });
}

/// A network in f64, dense: its outputs by definition.
fn outputs(ws: &[Dense], a: &Dense, x: &Dense, shift: f64) -> Dense {
    let mut h = x.clone();
    for w in ws {
        let u = h.times(&w.t()).map(|z| if z > shift { z - shift } else { 0.0 });
        h = Dense::from_fn(u.rows, u.cols, |i, r| {
            let norm = (0..u.cols).map(|j| u.at(i, j).powi(2)).sum::<f64>().sqrt();
            if norm > 0.0 { u.at(i, r) / norm } else { 0.0 }
        });
    }
    h.times(&a.t())
}

/// The factored gradients `g h^T` of every layer against finite differences of the definition.
#[test]
fn gradients_against_finite_differences() {
    let (n, d, m, c, shift) = (4, 6, 40, 3, 0.35);
    for layers in [1, 2, 3] {
        let gauss = |len: usize, seed: u64| {
            let mut x = vec![0.0f64; len];
            subquad::random::gaussian(&mut subquad::random::stream(seed, 0), &mut x);
            x
        };
        let mut x = Dense { rows: n, cols: d, data: gauss(n * d, 1) };
        for i in 0..n {
            let norm = (0..d).map(|k| x.at(i, k).powi(2)).sum::<f64>().sqrt();
            (0..d).for_each(|k| x.data[i * d + k] /= norm);
        }
        let ws: Vec<Dense> = (0..layers)
            .map(|l| {
                let cols = if l == 0 { d } else { m };
                Dense { rows: m, cols, data: gauss(m * cols, 2 + l as u64) }
            })
            .collect();
        let a = Dense { rows: c, cols: m, data: signs(c * m, 9) };
        for level in levels() {
            // Forward and backward by the kernels.
            let input = Rows::new((0..=n).map(|i| i * d).collect(), (0..n * d).map(|k| (k % d) as u32).collect(), x.data.clone(), 1, d);
            let packs: Vec<Vec<f64>> = ws.iter().map(|w| packed(&w.t().data, w.cols, w.rows)).collect();
            let panels: Vec<Panels<'_, f64>> =
                ws.iter().zip(&packs).map(|(w, pack)| Panels::packed(pack, w.cols, w.rows).unwrap()).collect();
            let (mut hs, mut norms) = (vec![input], vec![]);
            for w in &panels {
                let mut z = vec![0.0; n * m];
                let h = hs.last().unwrap();
                let mut scratch = dirty(Weights::<f64>::forward_scratch_len(w, h.indices.len()));
                w.forward(level, h.both(), MatMut::new(&mut z, n, m).unwrap(), &mut scratch).unwrap();
                let (mut starts, mut indices, mut values, mut norm) = (vec![0; n + 1], vec![0; n * m], vec![0.0; n * m], vec![0.0; n]);
                let z = MatRef::new(&z, n, m).unwrap();
                let k = activate(level, Form::Soft, shift, z, &mut starts, &mut indices, &mut values, &mut norm).unwrap();
                indices.truncate(k);
                values.truncate(k);
                hs.push(Rows::new(starts, indices, values, 1, m));
                norms.push(norm);
            }
            let mut g: Option<Rows<f64>> = None;
            let mut gs = vec![];
            for l in (0..layers).rev() {
                let h = &hs[l + 1];
                let mut e = dirty::<f64>(c * h.indices.len());
                match &g {
                    None => output_gradients(MatRef::new(&a.data, c, m).unwrap(), h.support(), &mut e).unwrap(),
                    Some(g) => {
                        let w = &panels[l + 1];
                        let mut scratch =
                            dirty(Weights::<f64>::backward_scratch_len(w, c, g.get().support().longest(), h.support().longest()));
                        w.backward(level, g.get(), h.support(), &mut e, &mut scratch).unwrap();
                    }
                }
                unnormalise(level, h.get(), &norms[l], c, &mut e).unwrap();
                let this = Rows { depth: c, values: e, ..h.clone() };
                gs.push(this.clone());
                g = Some(this);
            }
            gs.reverse();
            let step = 1e-6;
            for l in 0..layers {
                let (g, h): (Vec<Dense>, Dense) = ((0..c).map(|o| gs[l].dense(o)).collect(), hs[l].dense(0));
                for probe in 0..20u64 {
                    let k = (probe as usize * 7919 + l * 31) % ws[l].data.len();
                    let (r, j) = (k / ws[l].cols, k % ws[l].cols);
                    let moved = |by: f64| {
                        let mut ws = ws.clone();
                        ws[l].data[k] += by;
                        outputs(&ws, &a, &x, shift)
                    };
                    let (up, down) = (moved(step), moved(-step));
                    for i in 0..n {
                        for (o, g) in g.iter().enumerate() {
                            let slope = (up.at(i, o) - down.at(i, o)) / (2.0 * step);
                            let found = g.at(i, r) * h.at(i, j);
                            assert!(
                                (slope - found).abs() < 1e-6 * (1.0 + slope.abs()),
                                "{level}, layer {l}, ({r}, {j}), sample {i}, output {o}: {slope} {found}"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// The cheapest way is the one with the least cost as the documentation counts it: lazy `n k (n / 40 + n p (1 / 5 + C / 20))` for each
/// pass, sparse `n k^2` once, dense `n m^2 / 160` once.
#[test]
fn the_cheapest_flush_costs_least() {
    let mut chosen = [0; 3];
    for (samples, outputs, width) in
        [16, 256, 4096].into_iter().flat_map(|n| [1, 10].map(|c| (n, c))).flat_map(|(n, c)| [64, 1000, 8192].map(|m| (n, c, m)))
    {
        for (fired, passes) in [0.001, 0.02, 0.07, 0.09, 0.5].into_iter().flat_map(|p| [0, 1, 2, 5, 11, 40, 900].map(|passes| (p, passes)))
        {
            let (n, m, p, c) = (samples as f64, width as f64, fired, outputs as f64);
            let k = p * m;
            let costs = [passes as f64 * n * k * (n / 40.0 + n * p * (0.2 + c / 20.0)), n * k * k, n * m * m / 160.0];
            let least = (0..3).min_by(|&i, &j| costs[i].total_cmp(&costs[j])).unwrap();
            if (0..3).any(|i| i != least && (costs[i] / costs[least] - 1.0).abs() < 1e-9) {
                continue; // as good as each other
            }
            let wanted = [Flush::Never, Flush::Sparse, Flush::Dense][least];
            assert_eq!(cheapest(Situation { samples, outputs, width, fired, passes }), wanted, "n={n} C={c} m={m} p={p} passes={passes}");
            chosen[least] += 1;
        }
    }
    assert!(chosen.iter().all(|&times| times > 50), "{chosen:?}");
}
