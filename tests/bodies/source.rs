//! What a fuzz target reads its case from.

use subquad::simd::Float;

/// What numbers are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any bits at all.
    Any,
    /// Between -8 and 8 in steps of 1/16: their sums and products are exact.
    Exact,
    /// Between -8 and 8, with all digits.
    Rough,
}

/// Whether a case is in f64: its last byte says so, and what comes before means the same in both.
pub fn is_wide(bytes: &[u8]) -> bool {
    bytes.last().is_some_and(|last| last % 4 == 3)
}

/// Bytes, handed out piece by piece; zeros when there are no more.
pub struct Source<'a>(pub &'a [u8]);

impl Source<'_> {
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()])) % n
    }
    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }
    /// Any bits at all, or numbers between -8 and 8 in steps of 1/16, whose sums and products are exact.
    pub fn floats(&mut self, n: usize, any: bool) -> Vec<f32> {
        (0..n).map(|_| if any { f32::from_bits(self.u32()) } else { f32::from(self.byte() as i8) / 16.0 }).collect()
    }
    pub fn kind(&mut self) -> Kind {
        match self.byte() % 4 {
            1 => Kind::Exact,
            3 => Kind::Rough,
            _ => Kind::Any,
        }
    }
    pub fn numbers<T: Float>(&mut self, n: usize, kind: Kind) -> Vec<T> {
        let mut one = || match kind {
            Kind::Any if size_of::<T>() == 4 => bytemuck::cast_slice(&[self.u32()])[0],
            Kind::Any => bytemuck::cast_slice(&[u64::from(self.u32()) << 32 | u64::from(self.u32())])[0],
            Kind::Exact => T::from_f64(f64::from(self.byte() as i8) / 16.0),
            Kind::Rough => T::from_f64(f64::from(i16::from_le_bytes([self.byte(), self.byte()])) / 4095.0),
        };
        (0..n).map(|_| one()).collect()
    }
}
