//! Ball trees whose neurons come, go and move: equal to the scan over those that are there, after thousands of changes.

use crate::oracle::{dirty, levels, numbers, words};
use quickcheck::quickcheck;
use subquad::halfspace::{BallTree, Check, Hits, Reporter, scan, scan_scratch_len};
use subquad::simd::Float;
use subquad::{Error, Level, MatRef};

type Answers = Vec<(Vec<u32>, Vec<u64>)>;

fn answers<T: Float>(n: usize, m: usize, ask: impl FnOnce(&mut Hits<'_, T>)) -> Answers {
    let (mut counts, mut indices, mut values) = (vec![9; n], vec![9; n * m], dirty::<T>(n * m));
    let mut hits = Hits::new(&mut counts, &mut indices, m).unwrap().with_values(&mut values).unwrap();
    ask(&mut hits);
    (0..n).map(|i| (hits.indices(i).to_vec(), hits.values(i).iter().map(|z| z.to_f64().to_bits()).collect())).collect()
}

/// The tree, and beside it what it should hold: NaN where no neuron is, which never fires.
struct Pair<'a, T> {
    tree: BallTree<&'a mut [u8], T>,
    there: Vec<bool>,
    w: Vec<T>,
    d: usize,
    scratch: Vec<T>,
    level: Level,
}

impl<'a, T: Float> Pair<'a, T> {
    /// Of room for m neurons the first few are there.
    fn new(level: Level, m: usize, d: usize, few: usize, memory: &'a mut Vec<u64>) -> Self {
        *memory = words(BallTree::<&[u8], T>::storage_len(m, d));
        let mut scratch = dirty(BallTree::<&[u8], T>::rebalance_scratch_len(m, d).max(BallTree::<&[u8], T>::query_scratch_len(m, d)));
        let mut w = numbers::<T>(m * d, 5);
        let first = MatRef::new(&w[..few * d], few, d).unwrap();
        let tree = BallTree::build_with_room(first, m, bytemuck::cast_slice_mut::<u64, u8>(memory), &mut scratch).unwrap();
        w[few * d..].fill(T::from_f64(f64::NAN));
        Self { tree, there: (0..m).map(|r| r < few).collect(), w, d, scratch, level }
    }
    fn row(&self, r: usize) -> &[T] {
        &self.w[r * self.d..(r + 1) * self.d]
    }
    fn set(&mut self, r: usize, row: &[T]) {
        self.w[r * self.d..(r + 1) * self.d].copy_from_slice(row);
        if self.there[r] {
            self.tree.update(self.level, r, row).unwrap();
        } else {
            assert!(matches!(self.tree.update(self.level, r, row), Err(Error::Value { .. })));
            self.tree.insert(self.level, r, row).unwrap();
        }
        self.there[r] = true;
        assert!(matches!(self.tree.insert(self.level, r, row), Err(Error::Value { .. })));
    }
    fn delete(&mut self, r: usize) {
        assert_eq!(self.tree.delete(r).is_ok(), self.there[r]);
        self.there[r] = false;
        self.w[r * self.d..(r + 1) * self.d].fill(T::from_f64(f64::NAN));
    }
    fn rebalance(&mut self) {
        self.tree.rebalance(&mut self.scratch).unwrap();
        assert!(!self.tree.is_worn() && self.tree.moved() == 0);
    }
    #[track_caller]
    fn check(&mut self, x: &[T], thresholds: &[f64], what: &str) {
        let (m, d, n) = (self.there.len(), self.d, x.len() / self.d);
        let (w, xs) = (MatRef::new(&self.w, m, d).unwrap(), MatRef::new(x, n, d).unwrap());
        self.tree.verify(w).unwrap();
        assert_eq!(self.tree.len(), self.there.iter().filter(|&&there| there).count(), "{what}");
        assert!((0..m).all(|r| self.tree.contains(r) == self.there[r]), "{what}");
        for &b in thresholds {
            let b = T::from_f64(b);
            let wanted = answers(n, m, |hits| scan(self.level, w, xs, b, hits, &mut dirty(scan_scratch_len(d, m))).unwrap());
            let found = answers(n, m, |hits| self.tree.query_batch(self.level, xs, b, hits, &mut self.scratch).unwrap());
            assert!(found == wanted, "{what}, b = {b}, {}", self.level);
        }
    }
}

/// Rows of every kind.
fn row_of<T: Float>(pair: &Pair<'_, T>, kind: usize, seed: u64) -> Vec<T> {
    let d = pair.d;
    let f = T::from_f64;
    let any = numbers::<T>(d, seed);
    let other = (seed as usize * 31) % pair.there.len();
    match kind % 12 {
        0 => vec![T::ZERO; d],
        1 => vec![f(f64::NAN); d],
        2 => pair.row(other).to_vec(),
        3 => pair.row(other).iter().zip(&any).map(|(&w, &by)| w + by * f(1e-3)).collect(),
        4 => any.iter().map(|&x| x * f(1e-42)).collect(),
        5 => any.iter().map(|&x| x * f(1e25)).collect(),
        6 => any.iter().enumerate().map(|(k, &x)| if k == 0 { T::INFINITY } else { x }).collect(),
        // All in one leaf.
        7 | 8 => vec![f(0.75); d],
        _ => any,
    }
}

const THRESHOLDS: [f64; 4] = [-0.2, 0.4, 1.1, f64::NAN];

fn neurons_come_and_go<T: Float>(level: Level, m: usize, d: usize, steps: u64) {
    let mut x = numbers::<T>(6 * d, 2);
    x[..d].fill(T::ZERO);
    x[d] = T::from_f64(f64::NAN);
    let mut memory = Vec::new();
    let mut pair = Pair::<T>::new(level, m, d, m / 2, &mut memory);
    pair.check(&x, &THRESHOLDS, "built");
    for step in 0..steps {
        let dice = numbers::<f64>(2, 77 + step).iter().map(|x| x.to_bits() >> 13).collect::<Vec<_>>();
        let r = dice[0] as usize % m;
        // More come than go, and then more go than come.
        if dice[1] % 16 < if step / 700 % 2 == 0 { 4 } else { 10 } {
            pair.delete(r);
        } else {
            let row = row_of(&pair, dice[1] as usize / 16 % 12, step);
            pair.set(r, &row);
        }
        if step % 97 == 0 {
            pair.check(&x, &THRESHOLDS, &format!("step {step}"));
        }
        if step % 1500 == 1499 && pair.tree.is_worn() {
            pair.rebalance();
            pair.check(&x, &THRESHOLDS, &format!("rebalanced at step {step}"));
        }
    }
    // Nobody is left, and everybody comes back, to the same place.
    (0..m).for_each(|r| pair.delete(r));
    assert!(pair.tree.is_empty());
    pair.check(&x, &THRESHOLDS, "all gone");
    for r in 0..m {
        let row = row_of(&pair, 7, 1);
        pair.set(r, &row);
        if r % 61 == 0 {
            pair.check(&x, &THRESHOLDS, "coming back");
        }
    }
    pair.check(&x, &THRESHOLDS, "full");
    // All of them in one leaf's ball: the free places near it were used up.
    assert!(pair.tree.is_worn() || m < 1200);
    pair.rebalance();
    pair.check(&x, &THRESHOLDS, "full and rebalanced");
    (0..m).rev().for_each(|r| pair.delete(r));
    pair.rebalance();
    pair.check(&x, &THRESHOLDS, "empty and rebalanced");
    let row = row_of(&pair, 9, 3);
    pair.set(m - 1, &row);
    pair.check(&x, &THRESHOLDS, "one");
    // Its bytes can be stored.
    pair.tree.seal();
    let w = pair.w.clone();
    drop(pair);
    let tree = BallTree::<_, T>::open(bytemuck::cast_slice::<u64, u8>(&memory), Check::Everything).unwrap();
    tree.verify(MatRef::new(&w, m, d).unwrap()).unwrap();
    assert_eq!(tree.len(), 1);
}

#[test]
fn neurons_come_and_go_thousands_of_times() {
    // Two levels of balls, and three.
    neurons_come_and_go::<f32>(Level::detect(), 1500, 4, 6000);
    neurons_come_and_go::<f64>(Level::detect(), 300, 3, 3000);
}

#[test]
fn neurons_come_and_go_at_every_level() {
    for level in levels() {
        for (m, d) in [(1, 1), (27, 5), (33, 2), (90, 17)] {
            neurons_come_and_go::<f32>(level, m, d, 300);
            neurons_come_and_go::<f64>(level, m, d, 100);
        }
    }
}

#[test]
fn without_columns_only_those_that_are_there_fire() {
    let (m, level) = (70, Level::detect());
    let none: &[f32] = &[];
    let mut memory = words(BallTree::<&[u8], f32>::storage_len(m, 0));
    let mut scratch = dirty(BallTree::<&[u8], f32>::rebalance_scratch_len(m, 0) + BallTree::<&[u8], f32>::query_scratch_len(m, 0));
    let mut tree =
        BallTree::build_with_room(MatRef::new(none, 40, 0).unwrap(), m, bytemuck::cast_slice_mut::<u64, u8>(&mut memory), &mut scratch)
            .unwrap();
    tree.delete(3).unwrap();
    tree.insert(level, 60, none).unwrap();
    let x = MatRef::new(none, 1, 0).unwrap();
    let found = answers(1, m, |hits| tree.query_batch(level, x, -1.0, hits, &mut scratch).unwrap());
    assert!(found[0].0.iter().copied().eq((0..40).filter(|&r| r != 3).chain([60])));
}

/// The bytes of a tree of these rows.
fn built<T: Float>(w: MatRef<'_, T>) -> Vec<u64> {
    let mut memory = words(BallTree::<&[u8], T>::storage_len(w.rows(), w.cols()));
    let mut scratch = dirty(BallTree::<&[u8], T>::build_scratch_len(w.rows(), w.cols()));
    BallTree::build(w, bytemuck::cast_slice_mut::<u64, u8>(&mut memory), &mut scratch).unwrap();
    memory
}

/// The radii of the balls around leaves, and of those around them, of a tree of 36 leaves in f32.
fn radii(memory: &[u64], d: usize) -> (Vec<f32>, Vec<f32>) {
    let at = (128 + 36 * 32 * d * 4 + 3 * 32 * d * 4) / 4;
    let all = &bytemuck::cast_slice::<u64, f32>(memory)[at..at + 3 * 32];
    (all[..36].to_vec(), all[64..66].to_vec())
}

/// A cloud far from the origin, long in a direction that is none of the axes; and one row that nothing is known about.
fn cloud(m: usize) -> Vec<f32> {
    let z = numbers::<f32>(m * 4, 11);
    let row = |z: &[f32]| {
        let along = 9.0 * z[0];
        [100.0 + along + z[1], 200.0 - along + 3.0 * z[2], 0.5 * along + 0.25 * z[3], -300.0 + 2.0 * z[1]]
    };
    let mut w: Vec<f32> = z.chunks(4).flat_map(row).collect();
    w[4 * 77] = f32::NAN;
    w
}

/// The tree's balls are as small as they have been: a change that makes them larger makes every query slower, and no answer wrong.
#[test]
fn balls_stay_as_small_as_they_are() {
    let (m, d) = (1000, 4);
    let w = cloud(m);
    let memory = built(MatRef::new(&w, m, d).unwrap());
    let (leaves, above) = radii(&memory, d);
    // One row of no known place makes the balls around it infinite.
    let known = |radii: &[f32]| radii.iter().filter(|rho| rho.is_finite()).map(|&rho| f64::from(rho)).sum::<f64>();
    assert_eq!((leaves.iter().filter(|rho| rho.is_infinite()).count(), above.iter().filter(|rho| rho.is_infinite()).count()), (1, 1));
    let found = (known(&leaves), known(&above));
    assert!((found.0 / 68.296_533 - 1.0).abs() < 1e-6 && (found.1 / 13.387_318_6 - 1.0).abs() < 1e-6, "{found:?}");
}

/// At every level: more balls than half a block, and more than a block, so that each strip of a block has some that are reached.
#[test]
fn all_strips_of_a_block_are_looked_at() {
    fn all<T: Float>() {
        for (m, d) in [(900, 2), (1500, 3)] {
            let (w, x) = (numbers::<T>(m * d, 1), numbers::<T>(6 * d, 2));
            let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, 6, d).unwrap());
            let (memory, mut scratch) = (built(w), dirty(scan_scratch_len(d, m)));
            let tree = BallTree::<_, T>::open(bytemuck::cast_slice::<u64, u8>(&memory), Check::Everything).unwrap();
            for level in levels() {
                for b in [0.5, 1.5, 3.0].map(T::from_f64) {
                    let found = answers(6, m, |hits| tree.query_batch(level, x, b, hits, &mut dirty(tree.scratch_len())).unwrap());
                    let wanted = answers(6, m, |hits| scan(level, w, x, b, hits, &mut scratch).unwrap());
                    assert!(found == wanted, "{level} {b}");
                }
            }
        }
    }
    all::<f32>();
    all::<f64>();
}

/// Balls are there exactly where neurons are, on both levels, whatever comes and goes.
#[test]
fn balls_are_where_neurons_are() {
    let (m, d, level) = (1000, 3, Level::detect());
    let w = numbers::<f32>(m * d, 1);
    let mut memory = built(MatRef::new(&w, m, d).unwrap());
    let ids_at = 128 + 36 * 32 * d * 4 + 3 * 32 * d * 4 + 3 * 32 * 4;
    let ids = |memory: &[u64]| bytemuck::cast_slice::<u64, u32>(memory)[ids_at / 4..][..36 * 32].to_vec();
    let check = |memory: &[u64], what: &str| {
        let there: Vec<bool> = ids(memory).chunks(32).map(|leaf| leaf.iter().any(|&id| id != u32::MAX)).collect();
        let (leaves, above) = radii(memory, d);
        assert!(leaves.iter().zip(&there).all(|(rho, there)| rho.is_nan() != *there), "{what}: leaves");
        assert!(above.iter().zip(there.chunks(32)).all(|(rho, there)| rho.is_nan() != there.contains(&true)), "{what}: above");
    };
    check(&memory, "built");
    // Leaf by leaf, the last ones first: the second ball of the upper level goes with its last leaf. Then they come again, anywhere.
    let order: Vec<u32> = ids(&memory).into_iter().rev().filter(|&id| id != u32::MAX).collect();
    for (step, &r) in order.iter().enumerate() {
        BallTree::<_, f32>::open(bytemuck::cast_slice_mut::<u64, u8>(&mut memory), Check::Header).unwrap().delete(r as usize).unwrap();
        check(&memory, &format!("{step} deleted"));
    }
    for &r in order.iter().step_by(3) {
        let mut tree = BallTree::<_, f32>::open(bytemuck::cast_slice_mut::<u64, u8>(&mut memory), Check::Header).unwrap();
        tree.insert(level, r as usize, &w[r as usize * d..][..d]).unwrap();
        check(&memory, &format!("{r} inserted"));
    }
}

/// A count that is another, and free places in which something lies, are not what the tree says of itself.
#[test]
fn places_that_disagree_are_refused() {
    let (m, d) = (70, 2);
    let w = numbers::<f32>(m * d, 1);
    let ws = MatRef::new(&w, m, d).unwrap();
    let memory = built(ws);
    let verify = |memory: &[u64]| BallTree::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(memory), Check::Header).unwrap().verify(ws);
    verify(&memory).unwrap();
    // What the header says of how many are gone.
    let mut other = memory.clone();
    other[8 + 2] = 1;
    assert!(verify(&other).is_err());
    // Numbers where no neuron is: the first of them that are none.
    let mut other = memory.clone();
    let numbers = &mut bytemuck::cast_slice_mut::<u64, f32>(&mut other)[128 / 4..][..3 * 32 * d];
    *numbers.iter_mut().find(|x| x.is_nan()).unwrap() = 0.0;
    assert!(verify(&other).is_err());
}

/// What was deleted costs nothing to look at: its ball is gone, and a row that comes later finds a small one.
#[test]
fn balls_around_nothing_vanish() {
    let (m, d, level) = (2000, 3, Level::detect());
    let mut memory = Vec::new();
    let mut pair = Pair::<f32>::new(level, m, d, m, &mut memory);
    // A far cluster goes, another comes, where no bound of the old tree would be any good.
    (0..m).for_each(|r| pair.delete(r));
    let x = numbers::<f32>(2 * d, 3);
    for r in 0..m {
        let row: Vec<f32> = numbers::<f32>(d, r as u64).iter().map(|x| 1e-3 * x + 900.0).collect();
        pair.set(r, &row);
    }
    pair.check(&x, &[0.0, 700.0, 1e4], "another cluster");
}

/// Eight leaves in a row, and all their neurons go to where the first ones are: when that leaf is full, and then the next, most have to
/// stay where they do not belong.
#[test]
fn a_tree_is_worn_by_moves_or_by_crowds() {
    let (m, level) = (224, Level::detect());
    let w: Vec<f32> = (0..m).map(|r| r as f32).collect();
    let mut memory = words(BallTree::<&[u8], f32>::storage_len(m, 1));
    let mut scratch = dirty(BallTree::<&[u8], f32>::rebalance_scratch_len(m, 1));
    let ws = MatRef::new(&w, m, 1).unwrap();
    let mut tree = BallTree::build(ws, bytemuck::cast_slice_mut::<u64, u8>(&mut memory), &mut scratch).unwrap();
    // To where they are: that wears it only when it was done more than twice to all.
    for _ in 0..2 {
        (0..m).for_each(|r| tree.update(level, r, &w[r..=r]).unwrap());
        assert!(!tree.is_worn(), "{} moves", tree.moved());
    }
    tree.update(level, 7, &w[7..=7]).unwrap();
    assert!(tree.is_worn());
    tree.rebalance(&mut scratch).unwrap();
    assert!(!tree.is_worn());
    // Into leaves that have room, and back: nobody is where it does not belong.
    for r in (0..m).step_by(4) {
        let there = (r + m / 2) % m;
        tree.update(level, r, &w[there..=there]).unwrap();
        tree.update(level, r, &w[r..=r]).unwrap();
    }
    assert!(!tree.is_worn());
    tree.rebalance(&mut scratch).unwrap();
    // From far away first: an eighth of all in a wrong place is still bearable.
    let worn = (0..m).rev().filter(|&r| {
        tree.update(level, r, &[1.0]).unwrap();
        tree.is_worn()
    });
    assert!(m - worn.count() > m / 8 + 20, "some found a place");
    assert!(tree.is_worn() && tree.moved() == m as u64, "crowded");
    tree.verify(MatRef::new(&vec![1.0; m], m, 1).unwrap()).unwrap();
    tree.rebalance(&mut scratch).unwrap();
    assert!(!tree.is_worn());
}

/// Balls that do not reach their farthest neuron, on both levels.
#[test]
fn balls_that_are_too_small_are_refused() {
    let (m, d) = (1000usize, 3);
    let w = numbers::<f32>(m * d, 1);
    let ws = MatRef::new(&w, m, d).unwrap();
    let memory = built(ws);
    // 36 leaves of 32 places, in two blocks, and their two balls in a third one; the radii come behind the centres.
    let at = 128 + 36 * 32 * d * 4 + 3 * 32 * d * 4;
    let mut balls = 0;
    for ball in 0..3 * 32 {
        let mut other = memory.clone();
        let rho = &mut bytemuck::cast_slice_mut::<u64, f32>(&mut other)[at / 4 + ball];
        if rho.is_nan() {
            continue;
        }
        *rho *= 0.999;
        let tree = BallTree::<_, f32>::open(bytemuck::cast_slice::<u64, u8>(&other), Check::Header).unwrap();
        assert!(tree.verify(ws).is_err(), "ball {ball}");
        balls += 1;
    }
    assert_eq!(balls, 38);
}

#[test]
fn refusals_name_what_is_wrong() {
    let (m, d, level) = (40, 3, Level::detect());
    let w = numbers::<f32>(m * d, 1);
    let mut memory = words(BallTree::<&[u8], f32>::storage_len(m, d));
    let mut scratch = dirty(BallTree::<&[u8], f32>::rebalance_scratch_len(m, d));
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    let more = BallTree::build_with_room(MatRef::new(&w, m, d).unwrap(), m - 1, &mut *bytes, &mut scratch).map(drop).unwrap_err();
    assert_eq!(more, Error::TooShort { what: "build: room for neurons", needed: 40, found: 39 });
    let mut tree = BallTree::build(MatRef::new(&w, m, d).unwrap(), bytes, &mut scratch).unwrap();
    let says = |refused: Result<(), Error>| refused.unwrap_err().to_string();
    assert_eq!(says(tree.insert(level, 0, &w[..2])), "insert: length of the row: expected 3, found 2");
    assert_eq!(says(tree.insert(level, m, &w[..3])), format!("insert: neuron: must be less than {m}, found {m}"));
    assert_eq!(says(tree.insert(level, 7, &w[..3])), "insert: neuron: must be one that is not there, found 7");
    assert_eq!(says(tree.delete(m)), format!("delete: neuron: must be less than {m}, found {m}"));
    tree.delete(7).unwrap();
    assert_eq!(says(tree.delete(7)), "delete: neuron: must be one that is there, found 7");
    assert_eq!(says(tree.update(level, 7, &w[..3])), "update: neuron: must be one that is there, found 7");
    assert_eq!((tree.len(), tree.is_empty(), tree.contains(7), tree.contains(m)), (39, false, false, false));
}

quickcheck! {
    fn any_order_of_changes(changes: Vec<(u8, u8, u16)>, room: u8, few: u8) -> bool {
        let (m, d) = (room as usize % 100 + 1, 3);
        let mut memory = Vec::new();
        let mut pair = Pair::<f32>::new(Level::detect(), m, d, few as usize % (m + 1), &mut memory);
        for (r, kind, seed) in changes {
            let r = r as usize % m;
            match kind % 16 {
                0..=4 => pair.delete(r),
                5 => pair.rebalance(),
                _ => {
                    let row = row_of(&pair, kind as usize, seed.into());
                    pair.set(r, &row);
                }
            }
        }
        pair.check(&numbers::<f32>(4 * d, 9), &THRESHOLDS, "any order");
        true
    }
}
