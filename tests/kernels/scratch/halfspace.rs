//! Scratch of half-space reporting: of queries, of building, of changes.

use super::{bits, proves};
use crate::oracle::{levels, numbers};
use subquad::halfspace::{
    BallTree, Candidates, Check, Hits, MaxTree, Packed, Reporter, Rotated, Screened, Watcher, scan, scan_scratch_len,
};
use subquad::simd::Float;
use subquad::{Error, Level, MatRef};

fn reporting<T: Float>(level: Level) {
    for (m, d, n) in [(1, 1, 1), (170, 5, 17), (40, 0, 2), (1000, 3, 1)] {
        let (w, x) = (numbers::<T>(m * d, 1), numbers::<T>(n * d, 2));
        let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
        let b = T::from_f64(0.1);
        let words = |bytes: usize| vec![0u64; bytes / 8];
        let ask = |to: &mut dyn FnMut(&mut Hits<'_, T>) -> Result<(), Error>| {
            let (mut counts, mut indices, mut values) = (vec![9; n], vec![9; n * m], vec![T::ZERO; n * m]);
            let mut hits = Hits::new(&mut counts, &mut indices, m)?.with_values(&mut values)?;
            to(&mut hits)?;
            let ids = (0..n).flat_map(|i| hits.indices(i).iter().map(|&r| u64::from(r)).chain([u64::MAX]));
            Ok(ids.chain((0..n).flat_map(|i| bits(hits.values(i)))).collect::<Vec<u64>>())
        };
        proves("scan", scan_scratch_len(d, m), |s: &mut [T]| ask(&mut |hits| scan(level, w, x, b, hits, s)));
        let mut room = words(Packed::<&[u8], T>::storage_len(m, d));
        let packed = Packed::<_, T>::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut room)).unwrap();
        proves("Packed", packed.scratch_len(), |s: &mut [T]| ask(&mut |hits| Reporter::query_batch(&packed, level, x, b, hits, s)));
        let mut room = words(Screened::<&[u8], T>::storage_len(m, d));
        let screened = Screened::<_, T>::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut room)).unwrap();
        proves("Screened", screened.scratch_len(), |s: &mut [T]| ask(&mut |hits| Reporter::query_batch(&screened, level, x, b, hits, s)));
        proves("Screened: counting", screened.scratch_len(), |s: &mut [T]| {
            let mut opened = 0;
            let mut found = ask(&mut |hits| Screened::query_batch_counting(&screened, level, x, b, hits, s).map(|n| opened = n))?;
            found.push(opened);
            Ok(found)
        });
        let mut room = words(Rotated::<&[u8], T>::storage_len(m, d));
        let rotated = Rotated::<_, T>::build(level, w, 1, bytemuck::cast_slice_mut::<_, u8>(&mut room)).unwrap();
        proves("Rotated", rotated.scratch_len(), |s: &mut [T]| ask(&mut |hits| Reporter::query_batch(&rotated, level, x, b, hits, s)));
        proves("Rotated: counting", rotated.scratch_len(), |s: &mut [T]| {
            let mut opened = 0;
            let mut found = ask(&mut |hits| Rotated::query_batch_counting(&rotated, level, x, b, hits, s).map(|n| opened = n))?;
            found.push(opened);
            Ok(found)
        });
        let first = x.row(0).unwrap_or_default();
        proves("Packed: one query", packed.scratch_len(), |s: &mut [T]| {
            ask(&mut |hits| Reporter::query(&packed, level, first, b, &mut hits.only(0)?, s))
        });
        proves("BallTree: with room", BallTree::<&[u8], T>::build_scratch_len(m + 20, d), |s: &mut [T]| {
            let mut room = words(BallTree::<&[u8], T>::storage_len(m + 20, d));
            BallTree::<_, T>::build_with_room(w, m + 20, bytemuck::cast_slice_mut::<_, u8>(&mut room), s)?;
            Ok(room)
        });
        let mut room = words(BallTree::<&[u8], T>::storage_len(m, d));
        proves("BallTree: build", BallTree::<&[u8], T>::build_scratch_len(m, d), |s: &mut [T]| {
            BallTree::<_, T>::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut room), s)?;
            Ok(room.clone())
        });
        let mut balls = BallTree::<_, T>::open(bytemuck::cast_slice_mut::<_, u8>(&mut room), Check::Everything).unwrap();
        proves("BallTree", balls.scratch_len(), |s: &mut [T]| ask(&mut |hits| Reporter::query_batch(&balls, level, x, b, hits, s)));
        proves("BallTree: rebalance", BallTree::<&[u8], T>::rebalance_scratch_len(m, d), |s: &mut [T]| {
            balls.rebalance(s)?;
            let mut other = vec![T::ZERO; balls.scratch_len()];
            ask(&mut |hits| Reporter::query_batch(&balls, level, x, b, hits, &mut other))
        });
    }
}

type Trees<'a, T> = MaxTree<&'a mut [u8], T>;
type Lists<'a, T> = Candidates<&'a mut [u8], T>;

fn watching<T: Float>(level: Level) {
    for (m, d, n) in [(1, 1, 1), (170, 5, 17), (40, 0, 2), (1000, 3, 1)] {
        let (w, x, moved) = (numbers::<T>(m * d, 1), numbers::<T>(n * d, 2), numbers::<T>(m * d, 3));
        let (w, x, moved) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap(), MatRef::new(&moved, m, d).unwrap());
        let b = T::from_f64(0.1);
        let ask = |to: &mut dyn FnMut(&mut Hits<'_, T>) -> Result<(), Error>| {
            let (mut counts, mut indices, mut values) = (vec![9; n], vec![9; n * m], vec![T::ZERO; n * m]);
            let mut hits = Hits::new(&mut counts, &mut indices, m)?.with_values(&mut values)?;
            to(&mut hits)?;
            let ids = (0..n).flat_map(|i| hits.indices(i).iter().map(|&r| u64::from(r)).chain([u64::MAX]));
            Ok(ids.chain((0..n).flat_map(|i| bits(hits.values(i)))).collect::<Vec<u64>>())
        };
        // All bytes of an index count.
        let built = |len: usize, to: &mut dyn FnMut(&mut [u8]) -> Result<(), Error>| {
            let mut room = vec![7u64; len / 8];
            to(bytemuck::cast_slice_mut(&mut room)).map(|()| room)
        };
        let (len, need) = (MaxTree::<&[u8], T>::storage_len(m, d, n), MaxTree::<&[u8], T>::build_scratch_len(m, d));
        proves("MaxTree: build", need, |s: &mut [T]| built(len, &mut |to| MaxTree::<_, T>::build(level, w, x, to, s).map(drop)));
        let mut clean = vec![T::ZERO; need];
        let room = built(len, &mut |to| MaxTree::<_, T>::build(level, w, x, to, &mut clean).map(drop)).unwrap();
        let bytes = bytemuck::cast_slice::<_, u8>(&room);
        let maxima = MaxTree::<_, T>::open(bytes, Check::Everything).unwrap();
        let query = maxima.scratch_len();
        proves("MaxTree", query, |s: &mut [T]| ask(&mut |hits| Watcher::query_batch(&maxima, level, w, b, hits, s)));
        proves("MaxTree: one query", query, |s: &mut [T]| {
            ask(&mut |hits| Watcher::query(&maxima, level, w, n - 1, b, &mut hits.only(0)?, s))
        });
        proves("MaxTree: from one on", query, |s: &mut [T]| ask(&mut |hits| maxima.query_from(level, w, n - 1, b, &mut hits.only(0)?, s)));
        proves("MaxTree: verify", need, |s: &mut [T]| Watcher::verify(&maxima, level, w, s).map(|()| Vec::new()));
        let changed = |to: &mut dyn FnMut(&mut Trees<'_, T>) -> Result<(), Error>| {
            let mut room = room.clone();
            to(&mut MaxTree::open(bytemuck::cast_slice_mut(&mut room), Check::Everything)?).map(|()| room)
        };
        // Few neurons, and many.
        for step in [m.div_ceil(2), 3] {
            let rows: Vec<u32> = (0..m as u32).step_by(step).collect();
            let to = moved.row_range(0, rows.len());
            proves("MaxTree: update_batch", need, |s: &mut [T]| changed(&mut |trees| trees.update_batch(level, &rows, to, s)));
        }
        let point = numbers::<T>(d, 4);
        proves("MaxTree: replace", need, |s: &mut [T]| changed(&mut |trees| trees.replace(level, n - 1, &point, w, s)));

        let (len, need) = (Candidates::<&[u8], T>::storage_len(m, d, n, m), Candidates::<&[u8], T>::build_scratch_len(m, d, n));
        proves("Candidates: build", need, |s: &mut [T]| {
            built(len, &mut |to| Candidates::<_, T>::build(level, w, x, b, 0.1, m, to, s).map(drop))
        });
        let mut clean = vec![T::ZERO; need];
        let room = built(len, &mut |to| Candidates::<_, T>::build(level, w, x, b, 0.1, m, to, &mut clean).map(drop)).unwrap();
        let changed = |to: &mut dyn FnMut(&mut Lists<'_, T>) -> Result<(), Error>| {
            let mut room = room.clone();
            to(&mut Candidates::open(bytemuck::cast_slice_mut(&mut room), Check::Everything)?).map(|()| room)
        };
        proves("Candidates: rebuild", need, |s: &mut [T]| changed(&mut |lists| lists.rebuild(level, moved, 0.2, s)));
        // Weights without columns do not move, and nothing is built anew.
        if d > 0 {
            proves("Candidates: advance", need, |s: &mut [T]| {
                changed(&mut |lists| lists.advance(level, moved, s).map(|anew| assert!(anew, "far enough to be built anew")))
            });
        }
    }
}

#[test]
fn scratch_of_reporting() {
    for level in levels() {
        reporting::<f32>(level);
        reporting::<f64>(level);
        watching::<f32>(level);
        watching::<f64>(level);
    }
}
