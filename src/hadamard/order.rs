//! Orders of the outputs, as permutations in place without scratch.

/// In which order the outputs stand.
///
/// ```
/// use subquad::{Level, hadamard::{Order, Transform}};
///
/// // The fastest square wave is row 3 of four in sequency order: it changes its sign three times.
/// let mut x = [1, -1, 1, -1];
/// Transform::new().order(Order::Sequency).run(Level::detect(), &mut x)?;
/// assert_eq!(x, [0, 0, 0, 4]);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the recursion H_2n = \[\[H_n, H_n\], \[H_n, -H_n\]\] makes them: row k is (-1)^popcount(k and j).
    #[default]
    Natural,
    /// Paley's: row k is the natural row whose bits are those of k in reverse.
    Dyadic,
    /// Walsh's: row k changes its sign k times. It is the dyadic row k xor k/2.
    Sequency,
}

/// k with its `bits` lowest bits in reverse.
#[inline(always)]
const fn reversed(k: usize, bits: u32) -> usize {
    if bits == 0 { k } else { k.reverse_bits() >> (usize::BITS - bits) }
}

impl Order {
    /// The natural row that stands at place k of `len = 2^p` rows.
    ///
    /// ```
    /// use subquad::hadamard::Order;
    ///
    /// assert_eq!([0, 1, 2, 3].map(|k| Order::Dyadic.natural(k, 4)), [0, 2, 1, 3]);
    /// assert_eq!([0, 1, 2, 3].map(|k| Order::Sequency.natural(k, 4)), [0, 2, 3, 1]);
    /// ```
    pub const fn natural(self, k: usize, len: usize) -> usize {
        let bits = if len > 1 { len.ilog2() } else { 0 };
        match self {
            Order::Natural => k,
            Order::Dyadic => reversed(k, bits),
            Order::Sequency => reversed(k ^ (k >> 1), bits),
        }
    }
}

/// As `x.swap(i, j)`, without the panic for numbers that are not there.
#[inline(always)]
pub(super) fn exchange<T>(x: &mut [T], i: usize, j: usize) {
    if i < x.len() && j < x.len() {
        x.swap(i, j);
    }
}

/// Brings n = 2^p things from natural order into `order`, by exchanging two at a time.
#[inline(always)]
pub(super) fn permute(order: Order, n: usize, mut swap: impl FnMut(usize, usize)) {
    // One or two are in every order.
    if n < 4 || order == Order::Natural {
        return;
    }
    let bits = n.ilog2();
    for i in 0..n {
        let j = reversed(i, bits);
        if i < j {
            swap(i, j);
        }
    }
    if order == Order::Dyadic {
        return;
    }
    // k <- k xor k/2 falls into cycles of 2^c. One index of each is known (J. Arndt, Matters Computational, 2.12.1): its highest
    // bit together with bit 2^e - 1 below it for every 2^e up to its place, the other bits being free.
    let (mut fixed, mut free, mut cycle) = (1usize, 0usize, 1usize);
    let mut place = 1u32;
    while 1 << place < n {
        fixed <<= 1;
        free <<= 1;
        if place.is_power_of_two() {
            fixed += 1;
            cycle <<= 1;
        } else {
            free += 1;
        }
        let mut subset = 0usize;
        loop {
            let mut i = fixed | subset;
            for _ in 1..cycle {
                let next = i ^ (i >> 1);
                swap(i, next);
                i = next;
            }
            subset = subset.wrapping_sub(free) & free;
            if subset == 0 {
                break;
            }
        }
        place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, permute};
    use std::vec::Vec;

    #[test]
    fn permutations_are_their_definitions() {
        for bits in 0..13 {
            let n = 1usize << bits;
            for order in [Order::Natural, Order::Dyadic, Order::Sequency] {
                let mut x: Vec<usize> = (0..n).collect();
                permute(order, n, |i, j| x.swap(i, j));
                assert!(x.iter().enumerate().all(|(k, &from)| from == order.natural(k, n)), "{order:?} of {n}");
            }
        }
    }

    #[test]
    fn sequency_counts_changes_of_sign() {
        let n = 64;
        for k in 0..n {
            let row = Order::Sequency.natural(k, n);
            let sign = |j: usize| (row & j).count_ones() % 2;
            assert_eq!((1..n).filter(|&j| sign(j) != sign(j - 1)).count(), k);
        }
    }
}
