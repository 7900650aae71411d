//! Lists of candidates: how long they are, when they are built anew, and what they are refused for.

use crate::oracle::{dirty, levels, numbers, words};
use subquad::halfspace::{Candidates, Check, Hits, Watcher, scan, scan_scratch_len};
use subquad::{Level, MatRef};

fn rows(w: &[f32], d: usize) -> MatRef<'_, f32> {
    MatRef::new(w, w.len() / d, d).unwrap()
}

/// Lists for one or more samples of length d, and the memory they are in.
struct Lists {
    memory: Vec<u64>,
    scratch: Vec<f32>,
    shape: [usize; 3],
    room: usize,
}

impl Lists {
    /// With room for all neurons.
    fn new(level: Level, w: &[f32], x: &[f32], d: usize, threshold: f32, rho: f64) -> Self {
        Self::with_room(w.len() / d, level, w, x, d, threshold, rho)
    }
    fn with_room(room: usize, level: Level, w: &[f32], x: &[f32], d: usize, threshold: f32, rho: f64) -> Self {
        let shape @ [m, d, n] = [w.len() / d, d, x.len() / d];
        let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, room));
        let mut scratch = dirty(Candidates::<&[u8], f32>::build_scratch_len(m, d, n).max(scan_scratch_len(d, m)));
        let to = bytemuck::cast_slice_mut::<u64, u8>(&mut memory);
        Candidates::build(level, rows(w, d), rows(x, d), threshold, rho, room, to, &mut scratch).unwrap();
        Self { memory, scratch, shape, room }
    }
    fn open(&mut self) -> Candidates<&mut [u8], f32> {
        Candidates::open(bytemuck::cast_slice_mut::<u64, u8>(&mut self.memory), Check::Header).unwrap()
    }
    /// Builds anew if that pays; rho then, or nothing.
    fn advance(&mut self, level: Level, w: &[f32]) -> Option<f64> {
        let (d, mut scratch) = (self.shape[1], self.scratch.clone());
        let mut lists = self.open();
        lists.advance(level, rows(w, d), &mut scratch).unwrap().then(|| lists.rho())
    }
    fn ask(&mut self, level: Level, w: &[f32], threshold: f32) -> Vec<Vec<u32>> {
        let [m, d, n] = self.shape;
        let (mut counts, mut ids) = (vec![9; n], vec![9; n * m]);
        let mut hits = Hits::new(&mut counts, &mut ids, m).unwrap();
        self.open().query_batch(level, rows(w, d), threshold, &mut hits, &mut []).unwrap();
        (0..n).map(|i| hits.indices(i).to_vec()).collect()
    }
    /// Element `at` of a section, as four bytes: samples, lengths, weights before, norms, drifts, far ones, counts, candidates, values.
    fn word(&mut self, section: usize, at: usize) -> &mut u32 {
        let [m, d, n] = self.shape;
        let lens = [n * d, n, m * d, m, m, m, n, n * self.room, n * self.room];
        let from = 128 + lens[..section].iter().map(|len| (len * 4).next_multiple_of(64)).sum::<usize>();
        &mut bytemuck::cast_slice_mut::<u64, u32>(&mut self.memory)[from / 4 + at]
    }
}

fn close(found: Option<f64>, wanted: f64) -> bool {
    found.is_some_and(|found| (found / wanted - 1.0).abs() < 1e-3)
}

/// Listed is whoever is above b - rho |x|, and a reserve: 1e-4 of that, 1e-5 of |b|.
#[test]
fn lists_are_as_long_as_the_skin() {
    for level in levels() {
        let listed = |w: &[f32], x: f32, b: f32, rho: f64| Lists::new(level, w, &[x], 1, b, rho).open().most_candidates();
        // A skin of 3 times 1/2: above -1.5001.
        assert_eq!(listed(&[-1.0, -2.9, -2.9999, -3.002, -9.0], 0.5, 0.0, 3.0), 3, "{level}");
        // The reserve of a threshold of 1000 is 1/100.
        assert_eq!(listed(&[999.995, 999.98, 1001.0], 1.0, 1000.0, 1e-4), 2, "{level}");
        // A neuron that has moved by nearly rho, straight along the sample, from nearly the end of the skin.
        let mut lists = Lists::new(level, &[-0.99995], &[1.0], 1, 0.0, 1.0);
        lists.open().update(level, 0, &[1e-5]).unwrap();
        assert_eq!((lists.open().hot(), lists.ask(level, &[1e-5], 0.0)), (0, vec![vec![0]]), "{level}");
        // No skin at all, and a value so small that it is lost in any other reserve.
        assert_eq!(Lists::new(level, &[1e-25], &[1e-6], 1, 0.0, 0.0).ask(level, &[1e-25], 0.0), [[0]], "{level}");
    }
}

/// Neurons are far away when they have moved by more than rho, and not by much less.
#[test]
fn far_is_farther_than_rho() {
    for level in levels() {
        for d in [1, 5, 40] {
            let w = numbers::<f32>(50 * d, 1);
            let x = vec![1.0; d];
            for (far, hot) in [(0.999f32, 0), (1.001, 50)] {
                let mut after = w.clone();
                after.chunks_mut(d).enumerate().for_each(|(r, row)| row[r % d] += far);
                let mut lists = Lists::new(level, &w, &x, d, 0.0, 1.0);
                lists.open().update_all(level, rows(&after, d)).unwrap();
                assert_eq!(lists.open().hot(), hot, "{level} {d} {far}");
            }
        }
    }
}

/// Lists that are much longer than what fires are built anew as soon as the weights move little enough: with four times the mean distance,
/// the largest one if that is more, at most sixteen times the mean, divided by the updates that it took.
#[test]
fn wide_lists_become_shorter() {
    let m = 600;
    // A sample of length 1; half of the neurons fire, and all are candidates.
    let before: Vec<f32> = (0..m).map(|r| (r as f32 - 299.5) / 100.0).collect();
    for level in levels() {
        for (largest, wanted) in [(1.0, 4.0), (8.0, 8.0), (100.0, 16.0)] {
            // Every second neuron moves, one of them farther; one becomes no number, which says nothing about the others.
            let mut after = before.clone();
            after.iter_mut().step_by(2).for_each(|w| *w += 0.02);
            after[300] = before[300] + 0.02 * largest;
            after[1] = f32::NAN;
            let mean = (299.0 + f64::from(largest)) / 300.0 * 0.02;
            let rho = (f64::from(largest) * 0.02).clamp(4.0 * mean, 16.0 * mean);
            assert!((rho / (wanted * 0.02) - 1.0).abs() < 0.4);
            let mut lists = Lists::new(level, &before, &[1.0], 1, 0.0, 10.0);
            let once = lists.advance(level, &after);
            assert!(close(once, rho), "{level}: {once:?} for {rho}");
            // As short as can be: however little they move, this stays.
            let mut then = after.clone();
            then.iter_mut().for_each(|w| *w += 1e-6);
            assert_eq!(lists.advance(level, &then), None, "{level}");
            let mut lists = Lists::new(level, &before, &[1.0], 1, 0.0, 10.0);
            lists.open().update_all(level, rows(&after, 1)).unwrap();
            let half = lists.advance(level, &after);
            assert!(close(half, rho / 2.0), "{level}: {half:?} for half of {rho}");
        }
        // Not for less than a fourth of what it was; and the steps are counted anew.
        for (far, anew) in [(0.48, true), (0.52, false)] {
            let mut lists = Lists::new(level, &before, &[1.0], 1, 0.0, 8.0);
            let after: Vec<f32> = before.iter().map(|w| w + far).collect();
            let found = lists.advance(level, &after);
            assert!(if anew { close(found, 1.92) } else { found.is_none() }, "{level} {far}: {found:?}");
            let again: Vec<f32> = after.iter().map(|w| w + 0.01).collect();
            let found = lists.advance(level, &again);
            // Still wide; or, where nothing was built anew, the whole way, in two updates.
            assert!(if anew { close(found, 0.04) } else { close(found, 1.06) }, "{level} {far}, again: {found:?}");
        }
    }
}

/// Wide is more than half as many again as fire; whoever is exactly on the threshold does not.
#[test]
fn lists_are_wide_or_not() {
    for level in levels() {
        for (fired, on, below, wide) in
            [(4, 0, 2, false), (4, 0, 3, true), (4, 2, 0, false), (4, 3, 0, true), (0, 1, 0, true), (1, 0, 0, false)]
        {
            let mut w = vec![1.0; fired];
            w.resize(fired + on, 0.0);
            w.resize(fired + on + below, -1.0);
            w.resize(20, -100.0);
            let mut lists = Lists::new(level, &w, &[1.0], 1, 0.0, 2.0);
            assert_eq!(lists.open().most_candidates(), fired + on + below);
            let after: Vec<f32> = w.iter().map(|w| w + 1e-3).collect();
            assert_eq!(lists.advance(level, &after).is_some(), wide, "{level}: {fired} fire, {on} {below}");
        }
    }
}

/// More than one neuron in 512 that has moved far: built anew, whatever rho becomes.
#[test]
fn crowds_far_away_are_listed_anew() {
    let m = 1024;
    for level in levels() {
        for (far, anew) in [(2, false), (3, true)] {
            let w = vec![1.0; m];
            let mut after = w.clone();
            after[..far].fill(3.0);
            // All fire: the lists are not wide.
            let mut lists = Lists::new(level, &w, &[1.0], 1, 0.0, 0.1);
            assert_eq!(lists.advance(level, &after).is_some(), anew, "{level} {far}");
        }
    }
}

/// How far the farthest of those has moved that have not moved far is not forgotten when another moves by less, or farther than rho.
#[test]
fn the_farthest_of_the_near_ones_counts() {
    for level in levels() {
        let w = [-0.8f32, 0.5, 0.5, -20.0];
        let mut lists = Lists::new(level, &w, &[1.0], 1, 0.0, 1.0);
        let after = [0.1f32, 0.51, 9.0, -20.0];
        for r in 0..4 {
            lists.open().update(level, r, &after[r..=r]).unwrap();
        }
        assert_eq!((lists.open().hot(), lists.ask(level, &after, 0.0)), (1, vec![vec![0, 1, 2]]), "{level}");
    }
}

/// Long samples and long ways: what a neuron may have crossed is the product of both.
#[test]
fn long_ways_along_long_samples() {
    for level in levels() {
        for (x, by) in [(10.0f32, 3.0f32), (0.1, 0.3)] {
            let w: Vec<f32> = (0..100).map(|r| (r as f32 - 49.5) * 0.1).collect();
            for sign in [1.0, -1.0] {
                let after: Vec<f32> = w.iter().map(|w| w + sign * by).collect();
                let mut lists = Lists::new(level, &w, &[x], 1, 0.0, 4.0);
                lists.open().update_all(level, rows(&after, 1)).unwrap();
                let wanted: Vec<u32> = (0..100).filter(|&r| after[r as usize] > 0.0).collect();
                assert_eq!((lists.open().hot(), lists.ask(level, &after, 0.0)), (0, vec![wanted]), "{level} {x} {sign}");
            }
        }
    }
}

/// Far neurons on the threshold do not fire, be they before the last candidate or behind it.
#[test]
fn far_neurons_on_the_threshold() {
    for level in levels() {
        let w = [-9.0f32, 1.0, -9.0, 1.0, -9.0, -9.0];
        let after = [0.5f32, 1.0, 0.75, 1.0, 0.5, 0.75];
        let mut lists = Lists::new(level, &w, &[1.0], 1, 0.5, 0.1);
        lists.open().update_all(level, rows(&after, 1)).unwrap();
        assert_eq!((lists.open().hot(), lists.ask(level, &after, 0.5)), (4, vec![vec![1, 2, 3, 5]]), "{level}");
    }
}

/// Values exactly on the threshold, of long rows that have moved a long way: nothing but the order of the sum decides.
#[test]
fn rounding_of_long_ways() {
    let (m, n, d) = (40, 2, 60);
    for (long, wide) in [(1e-4f32, 1.0f32), (1.0, 1.0), (1e4, 1.0), (1.0, 1e4)] {
        let x: Vec<f32> = numbers::<f32>(n * d, 2).iter().map(|x| x * long).collect();
        let w: Vec<f32> = numbers::<f32>(m * d, 3).iter().map(|w| w * wide).collect();
        let below = -100.0 * long * wide;
        for level in levels() {
            let mut lists = Lists::new(level, &vec![0.0; m * d], &x, d, below, 1e7);
            lists.open().update_all(level, rows(&w, d)).unwrap();
            assert_eq!(lists.open().hot(), 0);
            let all = {
                let (mut counts, mut ids, mut values) = (vec![9; n], vec![9; n * m], vec![0.0f32; n * m]);
                let mut hits = Hits::new(&mut counts, &mut ids, m).unwrap().with_values(&mut values).unwrap();
                scan(level, rows(&w, d), rows(&x, d), below, &mut hits, &mut dirty(scan_scratch_len(d, m))).unwrap();
                assert_eq!(hits.count(0), m);
                values
            };
            for z in &all {
                for b in [*z, z.next_down(), z.next_up()] {
                    let wanted: Vec<Vec<u32>> = all.chunks(m).map(|z| (0..m as u32).filter(|&r| z[r as usize] > b).collect()).collect();
                    assert_eq!(lists.ask(level, &w, b), wanted, "{level} {long} {wide} {b}");
                }
            }
        }
    }
}

/// Lists that do not ascend, that name neurons twice or ones that there are none of, and drifts that are none.
#[test]
fn damaged_lists_are_refused() {
    let (w, level) = ([1.0f32, 2.0, 3.0], Level::detect());
    let sound = || Lists::new(level, &w, &[1.0, -1.0], 1, 0.0, 0.1);
    let verify = |lists: &mut Lists| lists.open().verify(level, rows(&w, 1), &mut []).is_ok();
    // The first sample's candidates are all three, and there is no more room.
    assert!(verify(&mut sound()) && sound().open().most_candidates() == 3);
    for (what, ids) in [("not ascending", [1, 0, 2]), ("twice", [0, 1, 1]), ("none such", [0, 1, 3]), ("neither", [3, 1, 0])] {
        let mut lists = sound();
        (0..3).for_each(|k| *lists.word(7, k) = ids[k]);
        assert!(!verify(&mut lists), "{what}");
    }
    let mut lists = sound();
    *lists.word(4, 1) = 1e-3f32.to_bits();
    assert!(!verify(&mut lists), "a neuron that has not moved");
}

/// Without neurons, or without columns, strides say nothing.
#[test]
fn strides_of_nothing() {
    let level = Level::detect();
    for (m, d) in [(0, 3), (3, 0)] {
        let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, 1, m));
        let mut scratch = dirty(Candidates::<&[u8], f32>::build_scratch_len(m, d, 1));
        let (w, x) = (MatRef::with_strides(&[], m, d, 1, 2).unwrap(), vec![1.0f32; d]);
        let to = bytemuck::cast_slice_mut::<u64, u8>(&mut memory);
        let mut lists = Candidates::build(level, w, MatRef::new(&x, 1, d).unwrap(), -1.0, 0.1, m, to, &mut scratch).unwrap();
        lists.update_all(level, w).unwrap();
        let (mut count, mut ids) = ([9], [9; 3]);
        let mut hits = Hits::new(&mut count, &mut ids[..m], m).unwrap();
        lists.query_batch(level, w, -1.0, &mut hits, &mut []).unwrap();
        assert_eq!(hits.count(0), m);
    }
}

/// Neurons that have moved nearly as far as bounds hold: four times that is too far for a skin, and still the lists are built anew.
#[test]
fn a_skin_is_no_wider_than_bounds_hold() {
    for level in levels() {
        let mut lists = Lists::new(level, &[1.0], &[1.0], 1, 0.5, 0.1);
        let rho = lists.advance(level, &[1e15]);
        assert_eq!(rho, Some(1.2e15), "{level}");
        assert_eq!(lists.ask(level, &[1e15], 0.5), [[0]], "{level}");
    }
}

/// A skin whose candidates do not find room is made narrower, by four at a time and three times at most; where that does not help it stays.
#[test]
fn a_skin_is_no_wider_than_there_is_room_for() {
    let m = 600;
    let before: Vec<f32> = (0..m).map(|r| (r as f32 - 299.5) / 100.0).collect();
    let after: Vec<f32> = before.iter().map(|w| w + 0.5).collect();
    // 350 fire then. Four times the mean distance is a skin of 2, then 0.5, 0.125, 0.03125: 550, 400, 363, 353 candidates.
    let cases = [
        (550, 2.0, 1),
        (549, 0.5, 2),
        (400, 0.5, 2),
        (399, 0.125, 3),
        (363, 0.125, 3),
        (362, 0.03125, 4),
        (353, 0.03125, 4),
        (352, 2.0, 5),
    ];
    for level in levels() {
        for (room, rho, times) in cases {
            let mut lists = Lists::with_room(room, level, &before, &[1.0], 1, 0.0, 0.1);
            assert!(close(lists.advance(level, &after), rho), "{level} {room}: {}", lists.open().rho());
            assert_eq!(lists.open().rebuilds(), times, "{level} {room}");
            assert_eq!(lists.ask(level, &after, 0.0), [(250..600).collect::<Vec<u32>>()], "{level} {room}");
        }
        // One sample in sixteen may look at everybody, whichever it is; so may those that no bound holds for.
        // At a threshold of 1 a sample of length 1 has 450, 300, 262 candidates, a short one none.
        for (n, crowded, unbounded, times) in [(16, 1, 0, 1), (16, 2, 0, 3), (16, 2, 14, 3), (17, 1, 0, 1), (32, 2, 30, 1), (32, 3, 0, 3)] {
            for back in [false, true] {
                let mut x = [vec![1.0f32; crowded], vec![f32::INFINITY; unbounded], vec![0.01; n - crowded - unbounded]].concat();
                if back {
                    x.reverse();
                }
                let mut lists = Lists::with_room(280, level, &before, &x, 1, 1.0, 0.1);
                assert!(lists.advance(level, &after).is_some());
                assert_eq!(lists.open().rebuilds(), times, "{level} {n} {crowded} {unbounded} {back}");
            }
        }
    }
}

/// Where nothing moves there is nothing to gain, though a sample without room is there.
#[test]
fn weights_that_rest_are_not_listed_anew() {
    for level in levels() {
        let w: Vec<f32> = (0..600).map(|r| (r as f32 - 299.5) / 100.0).collect();
        for room in [0, 100, 310, 600] {
            for rho in [0.0, 0.1] {
                let mut lists = Lists::with_room(room, level, &w, &[1.0], 1, 0.0, rho);
                for _ in 0..3 {
                    lists.advance(level, &w);
                }
                assert!(lists.open().rebuilds() <= 1, "{level} {room} {rho}: {}", lists.open().rebuilds());
            }
        }
    }
}

/// Neurons that have moved far, exactly on the threshold and next to it: on somebody's list, between others, behind the last of them.
#[test]
fn far_neurons_and_the_order_of_sums() {
    let (m, d) = (40, 60);
    for (long, wide) in [(1.0f32, 1.0f32), (1e4, 1.0), (1.0, 1e4)] {
        // Rows whose partial sums are rounded again and again, and some of equal entries, which are rounded one way.
        let x: Vec<f32> = numbers::<f32>(d, 2).iter().map(|x| x * long).collect();
        let mut w: Vec<f32> = numbers::<f32>(m * d, 3).iter().map(|w| w * wide).collect();
        w.chunks_mut(d).step_by(3).for_each(|row| row.fill(0.1 * wide));
        for level in levels() {
            let all: Vec<f32> = {
                let (mut count, mut ids, mut values) = ([9], vec![9; m], vec![0.0f32; m]);
                let mut hits = Hits::new(&mut count, &mut ids, m).unwrap().with_values(&mut values).unwrap();
                scan(level, rows(&w, d), rows(&x, d), f32::MIN, &mut hits, &mut dirty(scan_scratch_len(d, m))).unwrap();
                values
            };
            let least = all.iter().fold(f32::INFINITY, |least, &z| least.min(z)) - 1.0;
            // Listed are all, those of the lower half, none; then all move from zero, farther than any skin.
            for listed in [m, m / 2, 0] {
                let mut start = vec![0.0; m * d];
                start[listed * d..].iter_mut().zip(x.iter().cycle()).for_each(|(w, x)| *w = -1e3 * x.signum() * least.abs().max(1.0));
                let mut lists = Lists::new(level, &start, &x, d, least.min(-1e-3), 1e-3 * f64::from(wide));
                assert_eq!(lists.open().most_candidates(), listed);
                lists.open().update_all(level, rows(&w, d)).unwrap();
                assert_eq!(lists.open().hot(), m);
                for z in &all {
                    for b in [*z, z.next_down(), z.next_up()] {
                        let wanted: Vec<u32> = (0..m as u32).filter(|&r| all[r as usize] > b).collect();
                        assert_eq!(lists.ask(level, &w, b), [wanted], "{level} {long} {wide} {listed} {b}");
                    }
                }
            }
        }
    }
}

/// All neurons are looked at: those exactly on the threshold, next to it, and those that no bound holds for.
#[test]
fn samples_without_lists_see_every_neuron() {
    for (level, (long, wide)) in levels().flat_map(|level| [(1.0f32, 1.0f32), (1e4, 1.0), (1.0, 1e4)].map(|sizes| (level, sizes))) {
        for d in [1, 3, 16, 37, 64, 200] {
            for m in [1, 7, 8, 9, 60] {
                let x: Vec<f32> = numbers::<f32>(2 * d, 5).iter().map(|x| x * long).collect();
                let mut w: Vec<f32> = numbers::<f32>(m * d, 6).iter().map(|w| w * wide).collect();
                let below = -1e4 * long * wide;
                let mut lists = Lists::with_room(0, level, &w, &x, d, below, 0.1);
                for (r, row) in w.chunks_mut(d).enumerate() {
                    match r % 11 {
                        2 => row.fill(f32::NAN),
                        3 => row[d / 2] = 1e30,
                        4 => row[d - 1] = f32::NEG_INFINITY,
                        5 => row.iter_mut().for_each(|w| *w += 1e3 * wide),
                        6 => row.fill(0.1 * wide),
                        _ => {}
                    }
                }
                lists.open().update_all(level, rows(&w, d)).unwrap();
                let (mut counts, mut ids, mut values) = (vec![9; 2], vec![9; 2 * m], vec![0.0f32; 2 * m]);
                let mut hits = Hits::new(&mut counts, &mut ids, m).unwrap().with_values(&mut values).unwrap();
                let mut scratch = dirty(scan_scratch_len(d, m));
                scan(level, rows(&w, d), rows(&x, d), below, &mut hits, &mut scratch).unwrap();
                let of = |i: usize| hits.indices(i).iter().zip(hits.values(i)).map(|(&r, z)| (r, z.to_bits())).collect::<Vec<_>>();
                let all = [of(0), of(1)];
                for &(_, z) in &all[0] {
                    let z = f32::from_bits(z);
                    if z > 1e20 {
                        continue;
                    }
                    for b in [z, z.next_down(), z.next_up()] {
                        let above = |i: usize| all[i].iter().filter(|(_, z)| f32::from_bits(*z) > b).copied().collect::<Vec<_>>();
                        let (mut counts, mut ids, mut values) = (vec![9; 2], vec![9; 2 * m], vec![0.0f32; 2 * m]);
                        let mut hits = Hits::new(&mut counts, &mut ids, m).unwrap().with_values(&mut values).unwrap();
                        lists.open().query_batch(level, rows(&w, d), b, &mut hits, &mut []).unwrap();
                        for i in 0..2 {
                            let found = hits.indices(i).iter().zip(hits.values(i)).map(|(&r, z)| (r, z.to_bits()));
                            assert_eq!(found.collect::<Vec<_>>(), above(i), "{level} m={m} d={d} {b} of {i}");
                        }
                    }
                }
            }
        }
    }
}
