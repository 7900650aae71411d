//! What reporting needs beside arithmetic: the lanes of a mask written next to each other, and one number's
//! multiply-add rounded as a vector's.

use super::{Abreast, Lanes, MOST_LANES, Scalar, Screen};

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;

/// For each mask of four bits, the lanes that are set, ascending; zeros behind them.
const LANES_OF: [[u32; 4]; 16] = {
    let mut table = [[0; 4]; 16];
    let mut mask = 0;
    while mask < 16 {
        let (mut lane, mut at) = (0, 0);
        while lane < 4 {
            if mask >> lane & 1 == 1 {
                table[mask][at] = lane;
                at += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    table
};

/// Compression of the lanes whose bit is set.
///
/// Both writers fill the front of `to` with what was selected, as far as there is room, and may overwrite up to
/// `LANES` elements of it with anything behind that.
///
/// ```
/// use subquad::simd::{Report, Scalar, Simd};
///
/// /// The places of the numbers above 0, as the half-space reporters write them.
/// fn positive<S: Simd<f32>>(s: S, x: &[f32], to: &mut [u32]) -> usize {
///     let mut found = 0;
///     for (i, x) in s.chunks(x).0.iter().enumerate() {
///         let bits = s.gt(s.load(x), s.splat(0.0));
///         s.put_indices(bits, (i * S::LANES) as u32, &mut to[found..]);
///         found += bits.count_ones() as usize;
///     }
///     found
/// }
/// let mut to = [0; 3];
/// assert_eq!(positive(Scalar, &[1.0, -1.0, 2.0], &mut to), 2);
/// assert_eq!(to[..2], [0, 2]);
/// ```
pub trait Report<T>: Lanes<T> + Screen {
    /// Writes `base + lane` for each set bit, ascending.
    ///
    /// The default, for vectors of up to four lanes, is a table look-up and one addition.
    ///
    /// ```
    /// use subquad::simd::{Report, Scalar};
    ///
    /// let mut to = [0];
    /// Report::<f32>::put_indices(Scalar, 1, 40, &mut to);
    /// assert_eq!(to, [40]);
    /// ```
    #[inline(always)]
    fn put_indices(self, bits: u64, base: u32, to: &mut [u32]) {
        let lanes = LANES_OF[bits as usize & ((1 << Self::LANES.min(4)) - 1)];
        if let Some(to) = to.get_mut(..Self::LANES) {
            to.iter_mut().zip(lanes).for_each(|(to, lane)| *to = base.wrapping_add(lane));
        } else {
            to.iter_mut().zip(lanes).for_each(|(to, lane)| *to = base.wrapping_add(lane));
        }
    }

    /// Writes the lanes of `v` whose bit is set, in order.
    ///
    /// ```
    /// use subquad::simd::{Report, Scalar};
    ///
    /// let mut to = [0.0f32];
    /// Scalar.put_values(1, 2.5, &mut to);
    /// assert_eq!(to, [2.5]);
    /// ```
    fn put_values(self, bits: u64, v: Self::V, to: &mut [T]);

    /// Writes those of the first `LANES` elements of `from` whose bit is set, in order. Bits behind the end of a shorter
    /// slice are ignored.
    ///
    /// ```
    /// use subquad::simd::{Report, Scalar};
    ///
    /// let mut to = [0];
    /// Report::<f32>::put_selected(Scalar, 1, &[17], &mut to);
    /// assert_eq!(to, [17]);
    /// ```
    #[inline(always)]
    fn put_selected(self, bits: u64, from: &[u32], to: &mut [u32]) {
        let mut at = 0;
        for (lane, &x) in from.iter().take(Self::LANES).enumerate() {
            // Written whether or not it counts, because which does is hard to foresee.
            if let Some(to) = to.get_mut(at) {
                *to = x;
            }
            at += (bits >> lane & 1) as usize;
        }
    }

    /// Elements k .. k + 4 Q of `LANES` rows, turned round: vector j of group q has element k + 4 q + j of every row, that of
    /// row r in lane r. Zeros where a row has not as many elements from k on.
    ///
    /// ```
    /// use subquad::simd::{Abreast, Report, Scalar};
    ///
    /// // On the scalar level a vector is one number: the row itself.
    /// let rows = Abreast::new(&[1.0f32, 2.0, 3.0, 4.0, 5.0], 5).unwrap();
    /// assert_eq!(Scalar.turn::<1>(&rows, 1), [[2.0, 3.0, 4.0, 5.0]]);
    /// assert_eq!(Scalar.turn::<1>(&rows, 2), [[0.0; 4]]);
    /// ```
    #[inline(always)]
    fn turn<const Q: usize>(self, rows: &Abreast<'_, T>, k: usize) -> [[Self::V; 4]; Q]
    where
        T: Copy + Default,
    {
        let mut out = [[self.splat(T::default()); 4]; Q];
        if rows.has(k, 4 * Q) {
            for (at, to) in out.as_flattened_mut().iter_mut().enumerate() {
                let mut column = [T::default(); MOST_LANES];
                for (row, to) in column.iter_mut().take(Self::LANES).enumerate() {
                    *to = rows.get(row, k + at).unwrap_or_default();
                }
                *to = self.load_part(&column);
            }
        }
        out
    }

    /// The square root, correctly rounded, by the instruction where there is one.
    ///
    /// ```
    /// use subquad::simd::{Report, Scalar};
    ///
    /// assert_eq!(Scalar.sqrt_one(9.0f32), 3.0);
    /// ```
    fn sqrt_one(self, x: T) -> T;

    /// `a b + c`, rounded as [`mul_add`](super::Simd::mul_add) rounds it.
    ///
    /// ```
    /// use subquad::simd::{Report, Scalar};
    ///
    /// assert_eq!(Scalar.mul_add_one(2.0f32, 3.0, 4.0), 10.0);
    /// ```
    fn mul_add_one(self, a: T, b: T, c: T) -> T;
}

/// [`Report::put_values`] for vectors of up to four lanes: through memory, by the table.
#[allow(unused_macros, reason = "x86-64 has instructions for it")]
macro_rules! put_values_by_table {
    ($T:ty) => {
        #[inline(always)]
        fn put_values(self, bits: u64, v: Self::V, to: &mut [$T]) {
            let mut chunk = [<$T>::default(); <Self as Lanes<$T>>::LANES];
            Lanes::<$T>::store(self, &mut chunk, v);
            let lanes = super::LANES_OF[bits as usize & ((1 << chunk.len()) - 1)];
            to.iter_mut().zip(lanes).take(chunk.len()).for_each(|(to, lane)| *to = chunk[lane as usize]);
        }
    };
}
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use put_values_by_table;

macro_rules! scalar {
    ($T:ty) => {
        impl Report<$T> for Scalar {
            #[inline(always)]
            fn put_values(self, bits: u64, v: $T, to: &mut [$T]) {
                if bits & 1 == 1
                    && let Some(to) = to.first_mut()
                {
                    *to = v;
                }
            }
            #[inline(always)]
            fn mul_add_one(self, a: $T, b: $T, c: $T) -> $T {
                a * b + c
            }
            #[inline(always)]
            fn sqrt_one(self, x: $T) -> $T {
                crate::float::Real::sqrt(x)
            }
        }
    };
}
scalar!(f32);
scalar!(f64);

/// Nothing here needs an instruction of simd128's own.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128 {
    use super::super::{Lanes, Simd128};
    use super::Report;

    macro_rules! simd128 {
        ($T:ty) => {
            impl Report<$T> for Simd128 {
                put_values_by_table!($T);
                #[inline(always)]
                fn mul_add_one(self, a: $T, b: $T, c: $T) -> $T {
                    a * b + c
                }
                #[inline(always)]
                fn sqrt_one(self, x: $T) -> $T {
                    // An instruction of every wasm host.
                    crate::float::Real::sqrt(x)
                }
            }
        };
    }
    simd128!(f32);
    simd128!(f64);
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::{Abreast, Float, Level, MOST_LANES, Simd};

    #[inline(always)]
    fn compression<T: Float, S: Simd<T>>(s: S) {
        let n = S::LANES;
        let x: Vec<T> = (0..n).map(|i| T::from_f64(i as f64 + 0.5)).collect();
        let v = s.load(&s.chunks(&x).0[0]);
        for bits in (0..1u64 << n.min(12)).chain([0xFFFF, 0xA5A5, 0x8001, u64::MAX]) {
            let wanted: Vec<u32> = (0..n as u32).filter(|lane| bits >> lane & 1 == 1).collect();
            for room in 0..=n + 2 {
                let (mut indices, mut values) = (vec![7u32; room + 1], vec![T::from_f64(7.0); room + 1]);
                s.put_indices(bits, 1000, &mut indices[..room]);
                s.put_values(bits, v, &mut values[..room]);
                for (at, &lane) in wanted.iter().take(room).enumerate() {
                    assert_eq!((indices[at], values[at]), (1000 + lane, x[lane as usize]), "{bits:b}, room {room}, place {at}");
                }
                let from: Vec<u32> = (0..n as u32 + 2).map(|i| i * i + 3).collect();
                let mut selected = vec![7u32; room + 1];
                s.put_selected(bits, &from, &mut selected[..room]);
                assert!(
                    wanted.iter().take(room).enumerate().all(|(at, &lane)| selected[at] == from[lane as usize]),
                    "{bits:b}, room {room}"
                );
                assert_eq!(selected[room], 7);
                let few = n / 2;
                s.put_selected(bits, &from[..few], &mut selected[..room]);
                let mut places = wanted.iter().filter(|&&lane| lane < few as u32).take(room).enumerate();
                assert!(places.all(|(at, &lane)| selected[at] == from[lane as usize]), "{bits:b}, room {room}, {few}");
                assert_eq!((indices[room], values[room]), (7, T::from_f64(7.0)), "{bits:b}: stays inside {room}");
                assert!(indices.iter().skip(n).all(|&i| i == 7), "{bits:b}: at most a vector is overwritten");
            }
        }
    }

    #[inline(always)]
    fn one_number<T: Float, S: Simd<T>>(s: S) {
        let (a, b) = (T::ONE + T::EPSILON, T::ONE - T::EPSILON);
        let c = -T::ONE;
        let mut wanted = vec![T::ZERO; S::LANES];
        s.store(&mut s.chunks_mut(&mut wanted).0[0], s.mul_add(s.splat(a), s.splat(b), s.splat(c)));
        assert_eq!(s.mul_add_one(a, b, c), wanted[0]);
        for x in [2.0, 0.0, 1e-40, 3e38, f64::INFINITY] {
            assert_eq!(s.sqrt_one(T::from_f64(x)), T::from_f64(x).sqrt());
        }
    }

    /// Element k of row r, which tells both.
    fn entry<T: Float>(r: usize, k: usize) -> T {
        T::from_f64((100 * r + k) as f64)
    }

    #[inline(always)]
    fn turned<T: Float, S: Simd<T>>(s: S) {
        let (mut out, ones) = (vec![T::ZERO; S::LANES], [T::ONE; 22]);
        for len in 0..23 {
            let rows: Vec<Vec<T>> = (0..MOST_LANES).map(|r| (0..len + r % 3).map(|k| entry(r, k)).collect()).collect();
            let views: [&[T]; MOST_LANES] = core::array::from_fn(|r| &rows[r][..]);
            assert!(Abreast::new(views[0], len + 1).is_none(), "row 0 is shorter");
            let mut abreast = Abreast::new(views[MOST_LANES - 1], len).unwrap();
            for (lane, view) in views.iter().enumerate() {
                abreast.put(lane, view);
                // Too short, and too far.
                if len > 0 {
                    abreast.put(lane, &ones[..len - 1]);
                }
                abreast.put(MOST_LANES + lane, view);
            }
            assert_eq!(abreast.get(MOST_LANES, 0), None);
            for k in 0..len + 2 {
                assert_eq!(abreast.get(3, k), (k < len).then(|| entry(3, k)));
                let ([one], four) = (s.turn::<1>(&abreast, k), s.turn::<4>(&abreast, k));
                for (j, (v, n)) in one.into_iter().map(|v| (v, 4)).chain(four.into_iter().flatten().map(|v| (v, 16))).enumerate() {
                    s.store(&mut s.chunks_mut(&mut out).0[0], v);
                    let at = k + if n == 4 { j } else { j - 4 };
                    let wanted = |r| if k + n <= len { entry(r, at) } else { T::ZERO };
                    assert!((0..S::LANES).all(|r| out[r] == wanted(r)), "{len} elements, {n} from {k}, vector {j}: {out:?}");
                }
            }
            let [none] = s.turn::<1>(&abreast, usize::MAX);
            s.store(&mut s.chunks_mut(&mut out).0[0], none[3]);
            assert!(out.iter().all(|&x| x == T::ZERO));
        }
    }

    multiversion! { fn run_turned<T: Float>() = turned; }
    multiversion! { fn run_compression<T: Float>() = compression; }
    multiversion! { fn run_one_number<T: Float>() = one_number; }

    #[test]
    fn compression_at_every_level() {
        for level in Level::available() {
            run_compression::<f32>(level);
            run_compression::<f64>(level);
            run_one_number::<f32>(level);
            run_one_number::<f64>(level);
        }
    }

    #[test]
    fn rows_are_turned_at_every_level() {
        for level in Level::available() {
            run_turned::<f32>(level);
            run_turned::<f64>(level);
        }
    }
}
