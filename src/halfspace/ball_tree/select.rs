//! The least keys first: how rows are cut in two.

use core::iter::zip;
use core::mem::swap;

use crate::scratch::split;
use crate::simd::Float;

/// Looks at each row, on average, after which medians of three are given up: two or three are usual.
const PATIENCE: usize = 8;

/// A key and its row as one number, in the same order: of equal keys the row of the least number is first.
fn rank<T: Float>(key: T, r: u32) -> u128 {
    // Zeros of both signs are equal.
    let bits = (key.to_f64() + 0.0).to_bits();
    let ascending = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    u128::from(ascending) << 32 | u128::from(r)
}

/// Puts the few rows of the least keys first, each with its key, and says how many looks at a row that took: quickselect with
/// medians of three; where these have cut badly for too long, with the middle of the ranks that are possible still, which
/// are halved 96 times at most.
///
/// `select_nth_unstable` of `core` keeps ways to panic, and another version of it may leave rows in another order: trees would be
/// other bytes.
pub(super) fn least_first<T: Float>(mut few: usize, mut keys: &mut [T], mut rows: &mut [u32]) -> usize {
    let (mut low, mut high) = (0, 1 << 96);
    let (most, mut looks) = (PATIENCE * rows.len(), 0);
    while 0 < few && few < rows.len() {
        let pivot = if looks < most { median_of_three(keys, rows) } else { u128::midpoint(low, high) };
        looks += rows.len();
        let before = cut(keys, rows, pivot);
        let ((first_keys, last_keys), (first_rows, last_rows)) = (split(keys, before), split(rows, before));
        if few <= before {
            (keys, rows, high) = (first_keys, first_rows, pivot);
        } else {
            (keys, rows, low) = (last_keys, last_rows, pivot);
            few -= before;
        }
    }
    looks
}

/// The second of three ranks, a third of all apart; of two, the last. One at least is below it, and it is not below itself: a cut there
/// leaves something on both sides.
fn median_of_three<T: Float>(keys: &[T], rows: &[u32]) -> u128 {
    let third = rows.len().div_ceil(3).max(1);
    let mut some = zip(keys, rows).step_by(third).map(|(&key, &r)| rank(key, r));
    let [a, b, c] = core::array::from_fn(|_| some.next().unwrap_or(u128::MAX));
    a.min(b).max(a.max(b).min(c))
}

/// Puts the rows of ranks below a pivot before the others, and says how many there are.
fn cut<T: Float>(keys: &mut [T], rows: &mut [u32], pivot: u128) -> usize {
    let mut before = 0;
    let mut both = zip(keys, rows);
    // The first that comes late, and the last that does not, change places.
    while let Some((key, r)) = both.find(|(key, r)| {
        let early = rank(**key, **r) < pivot;
        before += usize::from(early);
        !early
    }) {
        let Some((other_key, other)) = both.rfind(|(key, r)| rank(**key, **r) < pivot) else { break };
        swap(key, other_key);
        swap(r, other);
        before += 1;
    }
    before
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::vec::Vec;

    /// Selects, and compares with what sorting finds. How many looks at each row it took.
    fn looks(keys: &[f64], few: usize) -> f64 {
        let (mut found, mut rows) = (keys.to_vec(), (0..keys.len() as u32).collect::<Vec<_>>());
        let looks = least_first(few, &mut found, &mut rows);
        assert!(zip(&found, &rows).all(|(key, &r)| key.to_bits() == keys[r as usize].to_bits()));
        let mut wanted: Vec<u32> = (0..keys.len() as u32).collect();
        wanted.sort_by(|&a, &b| keys[a as usize].partial_cmp(&keys[b as usize]).unwrap().then(a.cmp(&b)));
        let (found, wanted) = (&mut rows[..few], &mut wanted[..few]);
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{few} of {}", keys.len());
        looks as f64 / keys.len().max(1) as f64
    }

    #[test]
    fn the_least_come_first() {
        let noise = |r: usize| ((r as f64 + 1.0) * 0.618_033_988_75).fract() - 0.5;
        let kinds: [fn(f64, usize) -> f64; 7] = [
            |x, _| x,
            |_, r| r as f64,
            |_, r| -(r as f64),
            |x, _| (x * 4.0).round(),
            |_, r| if r % 2 == 0 { 0.0 } else { -0.0 },
            |x, r| if r % 3 == 0 { f64::INFINITY } else { x },
            |x, _| if x < 0.0 { x * 1e300 } else { x * 1e-300 },
        ];
        for kind in kinds {
            for len in [0, 1, 2, 3, 4, 5, 29, 56, 1000] {
                let keys: Vec<f64> = (0..len).map(|r| kind(noise(r), r)).collect();
                for few in [0, 1, 2, len / 3, len / 2, len.saturating_sub(1), len] {
                    assert!(looks(&keys, few.min(len)) < (PATIENCE + 1) as f64, "{few} of {len}");
                }
            }
        }
    }

    /// Keys that are the least wherever a median is looked for: it cuts off one or two at a time, and a hundred looks have to do.
    #[test]
    fn no_keys_take_forever() {
        let len = 5000;
        let (mut keys, mut rows) = (std::vec![f64::INFINITY; len], (0..len as u32).collect::<Vec<_>>());
        let (mut from, mut next) = (0, 0.0);
        while from + 3 < len {
            let (keys, rows) = (&mut keys[from..], &mut rows[from..]);
            let third = rows.len().div_ceil(3);
            keys.iter_mut().step_by(third).filter(|key| key.is_infinite()).for_each(|key| {
                next += 1.0;
                *key = next;
            });
            let pivot = median_of_three(keys, rows);
            from += cut(keys, rows, pivot);
        }
        let mut worst = std::vec![0.0; len];
        zip(&rows, keys).for_each(|(&r, key)| worst[r as usize] = key);
        let found = looks(&worst, len / 2);
        assert!(found > PATIENCE as f64 && found < (PATIENCE + 1 + 96) as f64, "{found} looks");
    }
}
