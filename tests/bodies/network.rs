//! A two-layer network and its samples.

use super::source::Source;
use subquad::MatRef;

/// X n x d, W m x d, A C x m of signs, U n x C, and a shift.
pub struct Network {
    pub shape: (usize, usize, usize, usize),
    /// Whether the numbers have any bits, or are small and exact.
    pub any: bool,
    pub shift: f32,
    x: Vec<f32>,
    w: Vec<f32>,
    a: Vec<f32>,
    u: Vec<f32>,
}

const SHAPE: &str = "as many numbers as the shape says";

impl Network {
    /// Fewer than `widest` inputs; shifts in steps of `step`.
    pub fn take(source: &mut Source<'_>, widest: usize, step: f32) -> Self {
        let (n, d, m, c) = (source.below(20), source.below(widest), source.below(150), source.below(4));
        let any = source.byte().is_multiple_of(2);
        let (x, w, u) = (source.floats(n * d, any), source.floats(m * d, any), source.floats(n * c, any));
        let a = (0..c * m).map(|_| if source.byte().is_multiple_of(2) { 1.0 } else { -1.0 }).collect();
        Self { shape: (n, d, m, c), any, shift: f32::from(source.byte()) * step, x, w, a, u }
    }
    pub fn x(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.x, self.shape.0, self.shape.1).expect(SHAPE)
    }
    pub fn w(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.w, self.shape.2, self.shape.1).expect(SHAPE)
    }
    pub fn a(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.a, self.shape.3, self.shape.2).expect(SHAPE)
    }
    pub fn u(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.u, self.shape.0, self.shape.3).expect(SHAPE)
    }
}
