//! The count sketch of a tensor product: each factor thrown into buckets, and the buckets convolved.

use rand_core::Rng;

use super::transform::{check_jacobian, copy_row, masked};
use crate::blas::max_abs;
use crate::error::{Error, expect_length};
use crate::matrix::{MatMut, MatRef};
use crate::random::stream;
use crate::relu::PatternRef;
use crate::scratch::{all_of, area, part, part_mut, split, take};
use crate::simd::{Float, Level, Scalar, Simd};

/// A factor of a tensor product.
///
/// ```
/// use subquad::sketch::Factor;
///
/// let few = Factor::Sparse { indices: &[3, 900], values: &[2.0f32, -1.0] };
/// let all = Factor::from([1.0f32, 2.0].as_slice());
/// assert!(matches!((few, all), (Factor::Sparse { .. }, Factor::Dense(_))));
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Factor<'a, T> {
    /// All its numbers; zeros cost next to nothing.
    Dense(&'a [T]),
    /// The numbers at some indices, in any order; the same index twice adds up.
    Sparse {
        /// Where.
        indices: &'a [usize],
        /// What.
        values: &'a [T],
    },
}

impl<'a, T> From<&'a [T]> for Factor<'a, T> {
    fn from(numbers: &'a [T]) -> Self {
        Self::Dense(numbers)
    }
}

/// 2^61 - 1
const PRIME: u64 = (1 << 61) - 1;

/// A random polynomial of degree three modulo 2^61 - 1: any four of its values are independent.
#[derive(Clone, Debug)]
struct Hash {
    len: usize,
    coefficients: [u64; 4],
}

impl Hash {
    fn new(len: usize, seed: u64, purpose: u32) -> Self {
        let mut rng = stream(seed, purpose);
        Self { len, coefficients: core::array::from_fn(|_| (rng.next_u64() >> 3) % PRIME) }
    }

    fn of(&self, index: usize) -> u64 {
        let x = u128::from(index as u64 % PRIME);
        let mut value = 0;
        for &c in self.coefficients.iter().rev() {
            let sum = u128::from(value) * x + u128::from(c);
            let folded = (sum & u128::from(PRIME)) as u64 + (sum >> 61) as u64;
            value = if folded >= PRIME { folded - PRIME } else { folded };
        }
        value
    }

    /// `buckets[h(i)] += sign(i) x[i]`
    fn throw<T: Float>(&self, x: Factor<'_, T>, buckets: &mut [T]) {
        buckets.fill(T::ZERO);
        let mask = buckets.len().wrapping_sub(1);
        let mut add = |index: usize, x: T| {
            let hash = self.of(index);
            if let Some(to) = buckets.get_mut((hash >> 1) as usize & mask) {
                *to += if hash & 1 == 0 { x } else { -x };
            }
        };
        match x {
            Factor::Dense(numbers) => numbers.iter().enumerate().filter(|(_, x)| **x != T::ZERO).for_each(|(i, &x)| add(i, x)),
            Factor::Sparse { indices, values } => indices.iter().zip(values).for_each(|(&i, &x)| add(i, x)),
        }
    }

    fn check<T>(&self, what: &'static str, x: &Factor<'_, T>) -> Result<(), Error> {
        match x {
            Factor::Dense(numbers) => expect_length(what, self.len, numbers.len()),
            Factor::Sparse { indices, values } => {
                expect_length(what, indices.len(), values.len())?;
                match indices.iter().find(|&&i| i >= self.len) {
                    Some(&index) => Err(Error::too_short(what, index.saturating_add(1), self.len)),
                    None => Ok(()),
                }
            }
        }
    }
}

/// `(S (u (x) v))_j = sum of f(a) g(b) u_a v_b over h(a) + k(b) = j modulo s`, with random signs f, g and buckets h, k: the
/// sketch of `u (x) v` that costs no more than the numbers of u and v that are not zero, and one convolution.
///
/// # Numerics
/// `E[S^T S] = I`; signs and buckets are independent in fours. Lengths spread further than those of the Hadamard
/// sketches do, which mix before they sample: two large entries of a short factor that meet in a bucket stay together. Bit-identical on all levels: no step is fused. The
/// convolution runs by Fourier transforms, whose rounding is relative to the whole: at most about
/// `4 log2(s) eps |u| |v|` in each number, after the factors' buckets are brought to one scale: how large or small they are does not
/// matter as long as their product is within range.
///
/// # Source
/// Pham and Pagh, *Fast and scalable polynomial kernels via explicit feature maps*, 2013.
///
/// ```
/// use subquad::{Level, sketch::{Factor, TensorSketch}};
///
/// let sketch = TensorSketch::new((1000, 2), 8, 7)?;
/// let mut y = [0.0f64; 8];
/// let mut scratch = vec![0.0; sketch.scratch_len()];
/// let u = Factor::Sparse { indices: &[123], values: &[2.0] };
/// sketch.accumulate(Level::detect(), u, [3.0, 0.0].as_slice(), &mut y, &mut scratch)?;
/// // One entry goes to one bucket.
/// assert!((y.iter().map(|y| y.abs()).sum::<f64>() - 6.0).abs() < 1e-12);
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorSketch {
    left: Hash,
    right: Hash,
    rows: usize,
}

impl TensorSketch {
    /// A sketch of `u (x) v` by `rows` numbers, for the lengths of u and v.
    ///
    /// The hash of an index is a polynomial of degree three modulo 2^61 - 1, whose coefficients, the constant first, are
    /// the next numbers of stream 0 of the seed (for u; 1 for v), shifted right by 3 and reduced; its lowest bit is the
    /// sign (1: minus), the bits above are the bucket.
    ///
    /// # Errors
    /// [`Error::TransformLength`] unless `rows` is a power of two.
    ///
    /// ```
    /// use subquad::sketch::TensorSketch;
    ///
    /// assert!(TensorSketch::new((1000, 20), 64, 7).is_ok());
    /// assert!(TensorSketch::new((1000, 20), 40, 7).is_err()); // no power of two
    /// ```
    pub fn new(lens: (usize, usize), rows: usize, seed: u64) -> Result<Self, Error> {
        if !rows.is_power_of_two() {
            let above = rows.checked_next_power_of_two();
            return Err(Error::TransformLength {
                found: rows,
                below: above.map_or(Some(1 << (usize::BITS - 1)), |a| (a > 1).then_some(a / 2)),
                above,
            });
        }
        Ok(Self { left: Hash::new(lens.0, seed, 0), right: Hash::new(lens.1, seed, 1), rows })
    }

    /// Numbers of u, and of v.
    ///
    /// ```
    /// assert_eq!(subquad::sketch::TensorSketch::new((1000, 20), 64, 7)?.lens(), (1000, 20));
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn lens(&self) -> (usize, usize) {
        (self.left.len, self.right.len)
    }

    /// Numbers of a sketch.
    ///
    /// ```
    /// assert_eq!(subquad::sketch::TensorSketch::new((1000, 20), 64, 7)?.rows(), 64);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Scratch of [`accumulate`](Self::accumulate), in elements: both factors' buckets, and the roots of unity.
    ///
    /// ```
    /// use subquad::sketch::TensorSketch;
    ///
    /// // It depends on the sketch alone, however long the factors are.
    /// assert_eq!(TensorSketch::new((10, 20), 64, 7)?.scratch_len(), TensorSketch::new((10_000, 20), 64, 7)?.scratch_len());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn scratch_len(&self) -> usize {
        area(4, self.rows)
    }

    /// `y <- y + S (u (x) v)`, for factors that are [sparse](Factor) or slices.
    ///
    /// # Errors
    /// [`Error::Length`] where lengths disagree, [`Error::TooShort`] if an index is beyond its factor's length, or if
    /// scratch is less than [`scratch_len`](Self::scratch_len).
    ///
    /// # Cost
    /// A hash for each number that is not zero, 10 s log2 s flops, and s / 2 sines and cosines.
    ///
    /// ```
    /// use subquad::{Level, sketch::TensorSketch};
    ///
    /// // A factor of zeros leaves nothing.
    /// let (sketch, mut y) = (TensorSketch::new((3, 2), 4, 7)?, [0.0f64; 4]);
    /// let mut scratch = vec![0.0; sketch.scratch_len()];
    /// sketch.accumulate(Level::detect(), [1.0, 2.0, 3.0].as_slice(), [0.0, 0.0].as_slice(), &mut y, &mut scratch)?;
    /// assert_eq!(y, [0.0; 4]);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn accumulate<'a, T: Float>(
        &self,
        level: Level,
        u: impl Into<Factor<'a, T>>,
        v: impl Into<Factor<'a, T>>,
        y: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), Error> {
        let (u, v) = (u.into(), v.into());
        self.left.check("TensorSketch: u", &u)?;
        self.right.check("TensorSketch: v", &v)?;
        expect_length("TensorSketch: y", self.rows, y.len())?;
        let (scratch, _) = take(scratch, self.scratch_len())?;
        let (roots, buckets) = split(scratch, 2 * self.rows);
        roots_of_unity(roots);
        self.finish(level, u, v, y, roots, buckets);
        Ok(())
    }

    /// With everything checked and the roots of unity there.
    fn finish<T: Float>(&self, level: Level, u: Factor<'_, T>, v: Factor<'_, T>, y: &mut [T], roots: &[T], buckets: &mut [T]) {
        let (left, right) = split(buckets, self.rows);
        self.left.throw(u, left);
        self.right.throw(v, right);
        // Both go through one transform, where the rounding of the larger would drown the smaller, and are squared there: to sizes of
        // one, of which nothing over- or underflows that the product does not.
        let (most, other) = (max_abs(left), max_abs(right));
        if most == T::ZERO || other == T::ZERO {
            // Nothing is to be added, and no rounding of the other factor either; what is no number stays so.
            left.iter_mut().chain(&mut *right).for_each(|x| *x *= T::ZERO);
        } else {
            left.iter_mut().for_each(|x| *x /= most);
            right.iter_mut().for_each(|x| *x /= other);
        }
        let scale = T::from_f64(0.25 / self.rows as f64 * most.to_f64() * other.to_f64());
        convolve_entry(level, left, right, roots);
        for (y, &x) in y.iter_mut().zip(left.iter()) {
            *y += scale * x;
        }
    }

    /// Scratch of [`jacobian`](Self::jacobian), in elements.
    ///
    /// ```
    /// use subquad::sketch::TensorSketch;
    ///
    /// let sketch = TensorSketch::new((1000, 20), 64, 7)?;
    /// assert!(sketch.jacobian_scratch_len() >= sketch.scratch_len());
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub const fn jacobian_scratch_len(&self) -> usize {
        all_of(&[self.scratch_len(), self.left.len, self.right.len])
    }

    /// `Y <- Y + S J^T` for one output of the [two-layer network](crate::relu), whose gradients are tensor products:
    /// row i of J is `m^(-1/2) (a o D_i) (x) x_i`.
    ///
    /// # Shapes
    /// X n x d with any strides, a the output's m weights, D n x m, Y by its columns, n x s. The sketch is one of the
    /// lengths (m, d).
    ///
    /// # Errors
    /// [`Error::Length`] where shapes disagree, [`Error::TooShort`] if scratch is less than
    /// [`jacobian_scratch_len`](Self::jacobian_scratch_len).
    ///
    /// # Cost
    /// For each sample one hash per neuron that fires and per input, and 10 s log2 s flops.
    ///
    /// ```
    /// use subquad::{Level, MatMut, MatRef, relu::PatternRef, sketch::TensorSketch};
    ///
    /// // One sample (2, 0); neuron 0 of four fires: its row of J has the only entry 2 / sqrt(4), which goes to one bucket.
    /// let (x, a, bits) = (MatRef::new(&[2.0f64, 0.0], 1, 2)?, [1.0; 4], [0b0001]);
    /// let sketch = TensorSketch::new((4, 2), 16, 7)?;
    /// let (mut y, mut scratch) = ([0.0; 16], vec![0.0; sketch.jacobian_scratch_len()]);
    /// sketch.jacobian(Level::detect(), x, &a, PatternRef::new(&bits, 1, 4)?, MatMut::new(&mut y, 1, 16)?, &mut scratch)?;
    /// assert!((y.iter().map(|y| y.abs()).sum::<f64>() - 1.0).abs() < 1e-12);
    /// # Ok::<(), subquad::Error>(())
    /// ```
    pub fn jacobian<T: Float>(
        &self,
        level: Level,
        x: MatRef<'_, T>,
        a: &[T],
        pattern: PatternRef<'_>,
        mut y: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), Error> {
        check_jacobian(x, a, pattern, (y.rows(), y.cols()), self.rows)?;
        expect_length("jacobian: neurons", self.left.len, a.len())?;
        expect_length("jacobian: columns of X", self.right.len, x.cols())?;
        let (scratch, _) = take(scratch, self.jacobian_scratch_len())?;
        let (roots, scratch) = split(scratch, 2 * self.rows);
        let (buckets, scratch) = split(scratch, 2 * self.rows);
        let (u, v) = split(scratch, a.len());
        roots_of_unity(roots);
        for i in 0..x.rows() {
            masked(level, a, pattern.sample(i), u);
            copy_row(x, i, v);
            self.finish(level, Factor::Dense(u), Factor::Dense(v), y.row(i).unwrap_or_default(), roots, buckets);
        }
        Ok(())
    }
}

/// For every h = 1, 2, 4, .. s / 2 the numbers `exp(-i pi j / h)`, j < h, at h + j: real parts, then imaginary ones.
fn roots_of_unity<T: Float>(roots: &mut [T]) {
    let s = roots.len() / 2;
    let (re, im) = roots.split_at_mut(s);
    let most = s / 2;
    for (j, (re, im)) in re.iter_mut().zip(im.iter_mut()).skip(most).take(most).enumerate() {
        let (sin, cos) = libm::sincos(-core::f64::consts::PI * j as f64 / most as f64);
        (*re, *im) = (T::from_f64(cos), T::from_f64(sin));
    }
    // Those of h are every other one of those of 2 h: number k is number 2 k.
    for parts in [re, im] {
        for k in (1..most).rev() {
            if let Some(&x) = parts.get(2 * k)
                && let Some(to) = parts.get_mut(k)
            {
                *to = x;
            }
        }
    }
}

multiversion! {
    fn convolve_entry<T: Float>(u: &mut [T], v: &mut [T], roots: &[T]) = convolve;
}

/// `u <- 4 s (u * v)`, circular; v is used up. Both are real: one complex transform serves them,
/// `U V = (Z^2 - conj(Z-)^2) / 4i` for `Z = U + i V`, where Z- is Z at the opposite frequency.
#[inline(always)]
fn convolve<T: Float, S: Simd<T>>(s: S, re: &mut [T], im: &mut [T], roots: &[T]) {
    let n = re.len();
    let scalar = <T as Float>::Scalar::from(Scalar);
    let (root_re, root_im) = roots.split_at_checked(n).unwrap_or_default();
    // Frequencies come out in the order of reversed bits, and go in so: no permutation.
    let mut h = n / 2;
    while h > 0 {
        let (wr, wi) = (part(root_re, h, h), part(root_im, h, h));
        if h >= S::LANES {
            stage::<T, S, false>(s, h, re, im, wr, wi);
        } else {
            stage::<T, _, false>(scalar, h, re, im, wr, wi);
        }
        h /= 2;
    }
    // In that order the opposite of p = 2^t .. 2^(t + 1) is 3 2^t - 1 - p, and 0 and 1 are their own.
    for (re, im) in re.iter_mut().zip(im.iter_mut()).take(2) {
        let square = square(*re, *im);
        (_, (*re, *im)) = opposite(square, square);
    }
    h = 2;
    while h < n {
        let ((low_re, high_re), (low_im, high_im)) = (split(part_mut(re, h, h), h / 2), split(part_mut(im, h, h), h / 2));
        for ((ar, ai), (br, bi)) in low_re.iter_mut().zip(low_im).zip(high_re.iter_mut().zip(high_im).rev()) {
            ((*ar, *ai), (*br, *bi)) = opposite(square(*ar, *ai), square(*br, *bi));
        }
        h *= 2;
    }
    h = 1;
    while h < n {
        let (wr, wi) = (part(root_re, h, h), part(root_im, h, h));
        if h >= S::LANES {
            stage::<T, S, true>(s, h, re, im, wr, wi);
        } else {
            stage::<T, _, true>(scalar, h, re, im, wr, wi);
        }
        h *= 2;
    }
}

/// Z^2, of whose imaginary part half.
#[inline(always)]
fn square<T: Float>(re: T, im: T) -> (T, T) {
    (re * re - im * im, re * im)
}

/// `(Z^2 - conj(Z-)^2) / i` at a frequency and at its opposite, from both squares.
#[inline(always)]
fn opposite<T: Float>((ar, ai): (T, T), (br, bi): (T, T)) -> ((T, T), (T, T)) {
    let (sum, difference) = ((ai + bi) + (ai + bi), ar - br);
    ((sum, -difference), (sum, difference))
}

/// One stage of butterflies h apart: forward `(a, b) <- (a + b, (a - b) w)`, back `(a, b) <- (a + b w*, a - b w*)`. h is a
/// multiple of the vectors' length.
#[inline(always)]
fn stage<T: Float, S: Simd<T>, const BACK: bool>(s: S, h: usize, re: &mut [T], im: &mut [T], wr: &[T], wi: &[T]) {
    let (wr, wi) = (s.chunks(wr).0, s.chunks(wi).0);
    for (re, im) in re.chunks_exact_mut(2 * h).zip(im.chunks_exact_mut(2 * h)) {
        let ((ar, br), (ai, bi)) = (split(re, h), split(im, h));
        let (ar, br, ai, bi) = (s.chunks_mut(ar).0, s.chunks_mut(br).0, s.chunks_mut(ai).0, s.chunks_mut(bi).0);
        for (((((ar, br), ai), bi), wr), wi) in ar.iter_mut().zip(br).zip(ai).zip(bi).zip(wr).zip(wi) {
            let (a, b, w) = ((s.load(ar), s.load(ai)), (s.load(br), s.load(bi)), (s.load(wr), s.load(wi)));
            let (sum, other) = if BACK {
                let t = (s.add(s.mul(b.0, w.0), s.mul(b.1, w.1)), s.sub(s.mul(b.1, w.0), s.mul(b.0, w.1)));
                ((s.add(a.0, t.0), s.add(a.1, t.1)), (s.sub(a.0, t.0), s.sub(a.1, t.1)))
            } else {
                let d = (s.sub(a.0, b.0), s.sub(a.1, b.1));
                let t = (s.sub(s.mul(d.0, w.0), s.mul(d.1, w.1)), s.add(s.mul(d.0, w.1), s.mul(d.1, w.0)));
                ((s.add(a.0, b.0), s.add(a.1, b.1)), t)
            };
            s.store(ar, sum.0);
            s.store(ai, sum.1);
            s.store(br, other.0);
            s.store(bi, other.1);
        }
    }
}
