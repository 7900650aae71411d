//! Matrices stored as bfloat16: rounded to the nearest, in the order that is promised, and otherwise the bits of the same numbers stored as f32.

use crate::deep::Rows;
use crate::oracle::{dirty, levels, numbers};
use quickcheck::quickcheck;
use subquad::relu::deep::Weights;
use subquad::simd::{Bf16x2, Stored};
use subquad::sparse::{Panels, SparseRef, Support, pack, panels_len, spread, spread_scratch_len, times_panels};
use subquad::{Level, MatMut, MatRef};

/// The nearest of the numbers with 16 bits, ties to the one with an even last bit.
fn nearest(x: f32) -> f32 {
    let down = f32::from_bits(x.to_bits() & 0xFFFF_0000);
    let up = f32::from_bits((x.to_bits() & 0xFFFF_0000).wrapping_add(0x1_0000));
    if x.is_nan() || x.is_infinite() {
        return x;
    }
    // Beyond the largest one, what would be the next.
    let up_or_next = if up.is_infinite() { 2f64.powi(128).copysign(f64::from(x)) } else { f64::from(up) };
    let (below, above) = ((f64::from(x) - f64::from(down)).abs(), (up_or_next - f64::from(x)).abs());
    if below < above || below == above && (down.to_bits() >> 16).is_multiple_of(2) { down } else { up }
}

quickcheck! {
    fn rounded_to_the_nearest(low: u32, high: u32) -> bool {
        let (low, high) = (f32::from_bits(low), f32::from_bits(high));
        let both = Bf16x2::new(low, high);
        let same = |found: f32, x: f32| found.to_bits() == nearest(x).to_bits() || found.is_nan() && x.is_nan();
        same(both.low(), low) && same(both.high(), high) && Bf16x2::new(both.low(), both.high()).low().to_bits() == both.low().to_bits()
    }
}

#[test]
fn special_numbers_are_rounded() {
    let tie = |even: u32| f32::from_bits(even << 16 | 0x8000);
    let largest = f32::from_bits(0x7F7F_8000);
    for x in [0.0, -0.0, 1.0, tie(0x3F80), tie(0x3F81), f32::MAX, -f32::MAX, largest, f32::INFINITY, f32::MIN_POSITIVE, 1e-45, 1e-40] {
        assert_eq!(Bf16x2::new(x, 0.0).low().to_bits(), nearest(x).to_bits(), "{x}");
        assert_eq!(Bf16x2::new(0.0, x).high().to_bits(), nearest(x).to_bits(), "{x}");
    }
    assert!(Bf16x2::new(f32::from_bits(0x7F80_0001), 0.0).low().is_nan(), "not infinite");
}

/// The same numbers, stored both ways.
struct Both {
    rows: usize,
    cols: usize,
    halves: Vec<Bf16x2>,
    wide: Vec<f32>,
    rounded: Vec<f32>,
}

impl Both {
    fn new(rows: usize, cols: usize, seed: u64) -> Self {
        let rounded: Vec<f32> = numbers::<f32>(rows * cols, seed).into_iter().map(nearest).collect();
        let matrix = MatRef::new(&rounded, rows, cols).unwrap();
        let mut halves = vec![Bf16x2::new(f32::NAN, f32::NAN); panels_len(rows, cols) / 2];
        let mut wide = dirty(panels_len(rows, cols));
        pack(matrix, &mut halves).unwrap();
        pack(matrix, &mut wide).unwrap();
        Self { rows, cols, halves, wide, rounded }
    }
    fn halves(&self) -> Panels<'_, Bf16x2> {
        Panels::packed(&self.halves, self.rows, self.cols).unwrap()
    }
    fn wide(&self) -> Panels<'_, f32> {
        Panels::packed(&self.wide, self.rows, self.cols).unwrap()
    }
}

fn forward(level: Level, b: Panels<'_, impl Stored<Number = f32>>, h: &Rows<f32>, add: bool) -> Vec<f32> {
    let (n, m) = (h.rows(), b.cols());
    let mut z = if add { numbers(n * m, 5) } else { dirty(n * m) };
    times_panels(level, h.get(), b, add, MatMut::new(&mut z, n, m).unwrap()).unwrap();
    z
}

fn backward(level: Level, b: Panels<'_, impl Stored<Number = f32>>, g: &Rows<f32>, below: &Rows<f32>) -> Vec<f32> {
    let mut e = dirty(g.depth * below.indices.len());
    let mut scratch = dirty(b.backward_scratch_len(g.depth, g.get().support().longest(), below.support().longest()));
    b.backward(level, g.get(), below.support(), &mut e, &mut scratch).unwrap();
    e
}

#[test]
fn products_have_the_bits_of_the_same_numbers_as_f32() {
    for (inputs, outputs) in [(1, 1), (33, 70), (64, 64), (100, 200), (530, 330), (2100, 65)] {
        let both = Both::new(inputs, outputs, 1);
        for (j, r) in [(0, 0), (inputs - 1, outputs - 1), (inputs / 2, outputs / 2), (inputs, 0), (0, outputs)] {
            let inside = j < inputs && r < outputs;
            assert_eq!(both.halves().get(j, r), inside.then(|| both.rounded[j * outputs + r]), "({j}, {r})");
        }
        for level in levels() {
            let what = format!("{level}, {inputs} inputs, {outputs} outputs");
            // One input after the other: every column of every line.
            let unit: Vec<usize> = (0..=inputs).collect();
            let each: Vec<u32> = (0..inputs as u32).collect();
            let ones = vec![1.0f32; inputs];
            let units = SparseRef::new(Support::new(&unit, &each, inputs).unwrap(), 1, &ones).unwrap();
            let mut lines = dirty::<f32>(inputs * outputs);
            times_panels(level, units, both.halves(), false, MatMut::new(&mut lines, inputs, outputs).unwrap()).unwrap();
            assert!(lines == both.rounded, "{what}: the matrix itself");
            for n in [1, 5, 40] {
                let h = Rows::<f32>::random(n, inputs, 1, 0.3, 2);
                for add in [false, true] {
                    assert!(forward(level, both.halves(), &h, add) == forward(level, both.wide(), &h, add), "{what}: forward");
                }
                for depth in [1, 3, 10, 33] {
                    let (g, below) = (Rows::random(n, outputs, depth, 0.4, 3), Rows::random(n, inputs, 1, 0.3, 4));
                    let (found, wanted) = (backward(level, both.halves(), &g, &below), backward(level, both.wide(), &g, &below));
                    assert!(found == wanted, "{what}: backward of {depth}");
                }
            }
            // What terms give to samples: the matrix is terms x samples here.
            let terms = Rows::<f32>::random(inputs, 50, 1, 0.2, 6);
            let give = |m: &dyn Fn(MatMut<'_, f32>, &mut [f32])| {
                let (mut z, mut scratch) = (numbers::<f32>(outputs * 50, 7), dirty(spread_scratch_len(terms.indices.len())));
                m(MatMut::new(&mut z, outputs, 50).unwrap(), &mut scratch);
                z
            };
            let (u, columns) = terms.both();
            let found = give(&|z, scratch| spread(level, 0.5, u, columns, both.halves(), z, scratch).unwrap());
            let wanted = give(&|z, scratch| spread(level, 0.5, u, columns, both.wide(), z, scratch).unwrap());
            assert!(found == wanted, "{what}: spread");
        }
    }
}

#[test]
fn as_many_words_as_there_are_pairs() {
    let words = vec![Bf16x2::default(); panels_len(3, 70)];
    let wrong = Panels::packed(&words, 3, 70).unwrap_err().to_string();
    assert_eq!(wrong, format!("panels: expected {}, found {}", panels_len(3, 70) / 2, panels_len(3, 70)));
    let (z, mut to) = ([0.0f32; 6], words[..65].to_vec());
    let wrong = pack(MatRef::new(&z, 2, 3).unwrap(), &mut to).unwrap_err().to_string();
    assert_eq!(wrong, "pack: expected 64, found 65");
}
