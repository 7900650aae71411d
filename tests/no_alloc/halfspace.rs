//! Half-space reporting: every structure is built, opened, asked, changed and asked again.

use crate::armed;
use crate::oracle::{levels, numbers, words};
use subquad::halfspace::{
    BallTree, Candidates, Check, Hits, MaxTree, Moving, Packed, Reporter, Rotated, Screened, Watcher, Workload, auto, peak, scan,
    scan_scratch_len,
};
use subquad::simd::Float;
use subquad::{Error, Level, MatRef};

/// Neurons, dimension, samples.
const M: usize = 150;
const D: usize = 12;
const N: usize = 5;

fn reporters<T: Float>(level: Level) {
    let (w, x, row) = (numbers::<T>(M * D, 1), numbers::<T>(N * D, 2), numbers::<T>(D, 3));
    let (ws, xs) = (MatRef::new(&w, M, D).unwrap(), MatRef::new(&x, N, D).unwrap());
    let (mut counts, mut indices, mut values) = (vec![0; N], vec![0; N * M], vec![T::ZERO; N * M]);
    let mut memory = words(Rotated::<&[u8], T>::storage_len(M, D) + BallTree::<&[u8], T>::storage_len(M, D));
    let mut scratch = vec![T::ZERO; scan_scratch_len(D, M) + BallTree::<&[u8], T>::rebalance_scratch_len(M, D) + 40_000];
    let (b, scratch) = (T::from_f64(0.1), &mut scratch[..]);
    let memory: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    armed(|| {
        let mut hits = Hits::new(&mut counts, &mut indices, M)?.with_values(&mut values)?;
        scan(level, ws, xs, b, &mut hits, scratch)?;
        let first = hits.only(0)?;
        assert!(Hits::count(&first, 0) == Hits::indices(&first, 0).len() && Hits::values(&first, 0).len() == first.count(0));
        assert!(hits.complete() && peak(ws) > 0.0);
        let _ = auto(Workload { m: M, d: D, n: N, fired: 0.1, drift: Some(0.1), reuse: 1, peak: peak(ws) });
        Ok::<(), Error>(())
    })
    .unwrap();
    fn ask<T: Float>(
        mut index: impl Reporter<T> + Moving<T>,
        level: Level,
        (ws, xs): (MatRef<'_, T>, MatRef<'_, T>),
        row: &[T],
        hits: &mut Hits<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Error> {
        let b = T::from_f64(0.1);
        assert!(Reporter::neurons(&index) == M && Reporter::dim(&index) == D && Reporter::scratch_len(&index) <= scratch.len());
        Reporter::verify(&index, ws)?;
        Reporter::query_batch(&index, level, xs, b, hits, scratch)?;
        Moving::update(&mut index, level, 3, row)?;
        Reporter::query(&index, level, row, b, &mut hits.only(0)?, scratch)?;
        Moving::seal(&mut index);
        Ok(())
    }
    macro_rules! reporter {
        ($Index:ident, $build:expr) => {
            armed(|| {
                let mut hits = Hits::new(&mut counts, &mut indices, M)?.with_values(&mut values)?;
                ask($build?, level, (ws, xs), &row, &mut hits, scratch)?;
                let mut index = $Index::<_, T>::open(&mut *memory, Check::Everything)?;
                $Index::update(&mut index, level, 3, &row)?;
                $Index::seal(&mut index);
                Ok::<(), Error>(())
            })
            .unwrap();
        };
    }
    reporter!(Packed, Packed::build(ws, &mut *memory));
    reporter!(Screened, Screened::build(ws, &mut *memory));
    reporter!(Rotated, Rotated::build(level, ws, 1, &mut *memory));
    reporter!(BallTree, BallTree::build(ws, &mut *memory, scratch));
    armed(|| {
        let mut hits = Hits::new(&mut counts, &mut indices, M)?.with_values(&mut values)?;
        let mut tree = BallTree::build_with_room(ws, M, &mut *memory, scratch)?;
        (0..M).try_for_each(|r| tree.delete(r))?;
        assert!(BallTree::is_empty(&tree));
        (0..M).try_for_each(|r| tree.insert(level, r, &row))?;
        assert!(BallTree::len(&tree) == M && tree.contains(3) && tree.moved() > 0 && (tree.is_worn() || M > 0));
        tree.rebalance(scratch)?;
        let screened = Screened::build(ws, &mut *memory)?;
        Screened::query_batch_counting(&screened, level, xs, b, &mut hits, scratch)?;
        let rotated = Rotated::build(level, ws, 1, &mut *memory)?;
        assert!(rotated.seed() == 1);
        Rotated::query_batch_counting(&rotated, level, xs, b, &mut hits, scratch).map(drop)
    })
    .unwrap();
}

fn watchers<T: Float>(level: Level) {
    let (w, x, row) = (numbers::<T>(M * D, 1), numbers::<T>(N * D, 2), numbers::<T>(D, 3));
    let (ws, xs) = (MatRef::new(&w, M, D).unwrap(), MatRef::new(&x, N, D).unwrap());
    let (mut counts, mut indices, mut values) = (vec![0; N], vec![0; N * M], vec![T::ZERO; N * M]);
    let mut memory = words(MaxTree::<&[u8], T>::storage_len(M, D, N) + Candidates::<&[u8], T>::storage_len(M, D, N, M));
    let mut scratch = vec![T::ZERO; 40_000];
    let (b, scratch) = (T::from_f64(0.1), &mut scratch[..]);
    let memory: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    fn ask<T: Float>(
        index: &impl Watcher<T>,
        level: Level,
        ws: MatRef<'_, T>,
        hits: &mut Hits<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Error> {
        let b = T::from_f64(0.1);
        assert!(Watcher::neurons(index) == M && Watcher::dim(index) == D && Watcher::samples(index) == N);
        assert!(Watcher::scratch_len(index) <= scratch.len());
        Watcher::verify(index, level, ws, scratch)?;
        Watcher::query_batch(index, level, ws, b, hits, scratch)?;
        Watcher::query(index, level, ws, 2, b, &mut hits.only(0)?, scratch)?;
        index.query_from(level, ws, 2, b, &mut hits.only(0)?, scratch)
    }
    armed(|| {
        let mut hits = Hits::new(&mut counts, &mut indices, M)?.with_values(&mut values)?;
        ask(&MaxTree::build(level, ws, xs, &mut *memory, scratch)?, level, ws, &mut hits, scratch)?;
        let mut trees = MaxTree::<_, T>::open(&mut *memory, Check::Everything)?;
        MaxTree::update(&mut trees, level, 3, &row)?;
        trees.update_batch(level, &[3, 149], ws.row_range(7, 2), scratch)?;
        trees.replace(level, 1, &row, ws, scratch)?;
        MaxTree::seal(&mut trees);
        let mut lists = Candidates::build(level, ws, xs, b, 0.1, M, &mut *memory, scratch)?;
        ask(&lists, level, ws, &mut hits, scratch)?;
        Candidates::update(&mut lists, level, 3, &row)?;
        ask(&lists, level, ws, &mut hits, scratch).or(Ok::<(), Error>(()))?;
        lists.update_all(level, ws)?;
        lists.rebuild(level, ws, 0.2, scratch)?;
        let turned = ws.row_range(1, M - 1);
        assert!(turned.rows() + 1 == M && lists.rebuilds() == 1 && lists.rho() == 0.2 && lists.hot() == 0);
        // Weights that have moved farther than any skin: lists are made anew.
        assert!(lists.advance(level, MatRef::with_strides(&w[..D], M, D, 0, 1)?, scratch)? && lists.most_candidates() > 0);
        Candidates::seal(&mut lists);
        Candidates::<_, T>::open(&*memory, Check::Everything).map(drop)
    })
    .unwrap();
}

#[test]
fn reporting_allocates_nothing() {
    for level in levels() {
        reporters::<f32>(level);
        reporters::<f64>(level);
        watchers::<f32>(level);
        watchers::<f64>(level);
    }
}
