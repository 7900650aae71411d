//! What roundings can do to a sum of products, at most.

use subquad::simd::Float;

/// `n u / (1 - n u)`, where u is half of what lies between 1 and the next number: what n roundings, one upon another, can do to a
/// term, relative to it (Higham, *Accuracy and Stability of Numerical Algorithms*, lemma 3.1).
pub fn gamma<T: Float>(n: usize) -> f64 {
    let all = n as f64 * T::EPSILON.to_f64() / 2.0;
    all / (1.0 - all)
}

/// The least positive number: below the normal ones a rounding is off by half of it at most, however small the result.
pub fn least<T: Float>() -> f64 {
    if size_of::<T>() == 4 { f64::from(f32::from_bits(1)) } else { f64::from_bits(1) }
}

/// Where nothing that is added up is larger, no sum overflows, whatever its order.
pub fn most<T: Float>() -> f64 {
    if size_of::<T>() == 4 { f64::from(f32::MAX) / 4.0 } else { f64::MAX / 4.0 }
}

/// A sum in f64, with what its rounding is measured by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    pub value: f64,
    /// The sum of the absolute terms.
    pub size: f64,
    /// The largest number that may be met on the way, in any order.
    pub peak: f64,
    /// What the results that fell below the normal numbers may have lost, in units of the least number.
    pub lost: f64,
}

impl Sum {
    /// `sum x y`
    pub fn of(terms: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut sum = Self::default();
        terms.for_each(|(x, y)| sum.add(x * y));
        sum
    }
    /// One term more.
    pub fn add(&mut self, term: f64) {
        self.plus(Self { value: term, size: term.abs(), peak: term.abs(), lost: 1.0 });
    }
    /// The terms of another sum.
    pub fn plus(&mut self, other: Self) {
        self.value += other.value;
        self.size += other.size;
        // A NaN, once there, stays.
        self.peak = if other.peak <= self.peak || self.peak.is_nan() { self.peak } else { other.peak };
        self.lost += other.lost;
    }
    /// Times a factor: what was lost before is multiplied as well.
    pub fn times(self, x: f64) -> Self {
        let size = self.size * x.abs();
        Self { value: self.value * x, size, peak: self.size + self.peak + size, lost: self.lost * x.abs() + 1.0 }
    }
    /// How far a result may be from this, of which each term met so many roundings at most; the same for the sum in f64.
    pub fn allowed<T: Float>(&self, roundings: usize) -> f64 {
        (gamma::<T>(roundings) + gamma::<f64>(roundings)) * self.size + 2.0 * self.lost * least::<T>()
    }
    /// Whether nothing on the way can have overflowed.
    pub fn is_sane<T: Float>(&self) -> bool {
        self.size <= most::<T>() && self.peak <= most::<T>() && self.value.is_finite() && self.lost.is_finite()
    }
    /// Panics if a result is farther from this than so many roundings can have brought it. Where something may have overflowed,
    /// everything is right.
    #[track_caller]
    pub fn check<T: Float>(&self, found: T, roundings: usize, what: impl Fn() -> String) {
        if self.is_sane::<T>() {
            let (error, allowed) = ((found.to_f64() - self.value).abs(), self.allowed::<T>(roundings));
            assert!(error <= allowed, "{}: {found}, should be {}: off by {error:e}, allowed {allowed:e}", what(), self.value);
        }
    }
}
