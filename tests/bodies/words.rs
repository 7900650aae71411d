//! Room for an index.

/// Bytes for an index where it may begin, dirty.
pub struct Words(Vec<u64>);
impl Words {
    pub fn of(bytes: usize) -> Self {
        Self(vec![0x7FF8_7FC0_FFFF_FFFF; bytes.div_ceil(8) + 1])
    }
    pub fn bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}
