//! A two-layer network and its samples.

use super::source::{Kind, Source};
use subquad::MatRef;
use subquad::simd::Float;

/// X n x d, W m x d, A C x m of signs, U n x C, and a shift.
pub struct Network<T> {
    pub shape: (usize, usize, usize, usize),
    pub kind: Kind,
    pub shift: T,
    x: Vec<T>,
    w: Vec<T>,
    a: Vec<T>,
    u: Vec<T>,
}

const SHAPE: &str = "as many numbers as the shape says";

impl<T: Float> Network<T> {
    /// Fewer than `widest` inputs; shifts in steps of `step`.
    pub fn take(source: &mut Source<'_>, widest: usize, step: f64) -> Self {
        let (n, d, m, c) = (source.below(20), source.below(widest), source.below(150), source.below(4));
        let kind = source.kind();
        let (x, w, u) = (source.numbers(n * d, kind), source.numbers(m * d, kind), source.numbers(n * c, kind));
        let a = (0..c * m).map(|_| if source.byte().is_multiple_of(2) { T::ONE } else { -T::ONE }).collect();
        Self { shape: (n, d, m, c), kind, shift: T::from_f64(f64::from(source.byte()) * step), x, w, a, u }
    }
    pub fn x(&self) -> MatRef<'_, T> {
        MatRef::new(&self.x, self.shape.0, self.shape.1).expect(SHAPE)
    }
    pub fn w(&self) -> MatRef<'_, T> {
        MatRef::new(&self.w, self.shape.2, self.shape.1).expect(SHAPE)
    }
    pub fn a(&self) -> MatRef<'_, T> {
        MatRef::new(&self.a, self.shape.3, self.shape.2).expect(SHAPE)
    }
    pub fn u(&self) -> MatRef<'_, T> {
        MatRef::new(&self.u, self.shape.0, self.shape.3).expect(SHAPE)
    }
}
