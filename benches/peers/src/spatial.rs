//! Half-spaces as balls: on the unit sphere `<w, x> > b` says that `|w - x|^2 < 2 - 2 b`, so that trees for points within
//! a distance answer the same question. They are built for moving about in few dimensions, and that is where they are asked.

use kiddo::{ImmutableKdTree, SquaredEuclidean};
use rstar::RTree;
use subquad::halfspace::{BallTree, Hits, Reporter, Screened, scan, scan_scratch_len};
use subquad::{Level, MatRef};

use crate::race::{gaussian, race, unit};

fn bytes(length: usize) -> Vec<u64> {
    vec![0; length.div_ceil(8)]
}

fn compare<const D: usize>(m: usize, share: &str, b: f32) {
    let level = Level::detect();
    let n = 64;
    let (w, x) = (unit(gaussian(m * D, 1), D), unit(gaussian(n * D, 2), D));
    let points: Vec<[f32; D]> = w.chunks_exact(D).map(|w| w.try_into().unwrap()).collect();
    let queries: Vec<[f32; D]> = x.chunks_exact(D).map(|x| x.try_into().unwrap()).collect();
    let radius = 2.0 - 2.0 * b;
    let kd: ImmutableKdTree<f32, D> = ImmutableKdTree::new_from_slice(&points);
    let r = RTree::bulk_load(points.iter().enumerate().map(|(k, point)| rstar::primitives::GeomWithData::new(*point, k as u32)).collect());
    let (w, x) = (MatRef::new(&w, m, D).unwrap(), MatRef::new(&x, n, D).unwrap());
    let mut memory = (bytes(BallTree::<&[u8], f32>::storage_len(m, D)), bytes(Screened::<&[u8], f32>::storage_len(m, D)));
    let mut scratch = vec![0.0f32; BallTree::<&[u8], f32>::build_scratch_len(m, D).max(scan_scratch_len(D, m))];
    let ball = BallTree::build(w, bytemuck_bytes(&mut memory.0), &mut scratch).unwrap();
    let screened = Screened::build(w, bytemuck_bytes(&mut memory.1)).unwrap();
    scratch.resize(scratch.len().max(ball.scratch_len()).max(screened.scratch_len()), 0.0);
    let room = m / 8;
    let (mut counts, mut indices) = (vec![0; n], vec![0; n * room]);
    let mut hits = Hits::new(&mut counts, &mut indices, room).unwrap();

    // The same neurons, up to those as near to the threshold as rounding.
    scan(level, w, x, b, &mut hits, &mut scratch).unwrap();
    let mut fired = 0;
    for (i, query) in queries.iter().enumerate() {
        let same = |other: Vec<u32>| {
            let mine = hits.indices(i);
            let differ = mine.iter().filter(|r| other.binary_search(r).is_err()).count()
                + other.iter().filter(|r| mine.binary_search(r).is_err()).count();
            assert!(differ <= 2 + mine.len() / 1000, "{differ} of {}", mine.len());
        };
        let mut by_kd: Vec<u32> = kd.within_unsorted::<SquaredEuclidean>(query, radius).iter().map(|near| near.item as u32).collect();
        by_kd.sort_unstable();
        same(by_kd);
        let mut by_r: Vec<u32> = r.locate_within_distance(*query, radius).map(|near| near.data).collect();
        by_r.sort_unstable();
        same(by_r);
        fired += hits.count(i);
    }
    let case = format!("m = {m}, d = {D}, {share} of them");
    let mut total = 0;
    let (mut s1, mut s2) = (scratch.clone(), scratch.clone());
    let (mut counts1, mut indices1) = (counts_of(n), vec![0; n * room]);
    let mut hits1 = Hits::new(&mut counts1, &mut indices1, room).unwrap();
    let (mut counts2, mut indices2) = (counts_of(n), vec![0; n * room]);
    let mut hits2 = Hits::new(&mut counts2, &mut indices2, room).unwrap();
    // One query at a time for all, as these crates answer.
    race(
        "spatial",
        &case,
        &mut [
            ("", &mut || {
                for query in &queries {
                    ball.query(level, query, b, &mut hits1.only(0).unwrap(), &mut s1).unwrap();
                }
            }),
            ("kiddo 5", &mut || {
                total = queries.iter().map(|query| kd.within_unsorted::<SquaredEuclidean>(query, radius).len()).sum();
            }),
            ("rstar 0.13", &mut || {
                assert!(queries.iter().map(|query| r.locate_within_distance(*query, radius).count()).sum::<usize>() > 0)
            }),
            ("our scan, one by one", &mut || {
                for i in 0..n {
                    scan(level, w, x.row_range(i, 1), b, &mut hits2.only(0).unwrap(), &mut s2).unwrap();
                }
            }),
            ("our scan, all at once", &mut || scan(level, w, x, b, &mut hits, &mut scratch).unwrap()),
        ],
    );
    assert!(total.abs_diff(fired) <= 2 * n + fired / 1000);
}

fn counts_of(n: usize) -> Vec<u32> {
    vec![0; n]
}

fn bytemuck_bytes(words: &mut [u64]) -> &mut [u8] {
    let length = 8 * words.len();
    // SAFETY: bytes need no alignment, and any bits are a byte.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), length) }
}

pub fn run() {
    // Cosines that so many exceed, in 3, 8 and 16 dimensions.
    compare::<3>(1 << 18, "0.1 %", 0.998);
    compare::<8>(1 << 18, "0.1 %", 0.8751);
    compare::<8>(1 << 18, "2 %", 0.6892);
    compare::<16>(1 << 16, "0.1 %", 0.694);
}
