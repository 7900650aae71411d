//! What a fuzz target reads its case from.

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
}
