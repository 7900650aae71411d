//! The indexes that the host built, in flash, where bytes begin at a multiple of 64.

use crate::cases::Indexes;

#[repr(align(64))]
struct Aligned<const N: usize>([u8; N]);

static BALL_TREE: Aligned<{ crate::cases::BALL_TREE_LEN }> = Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/ball_tree")));
static SCREENED: Aligned<{ crate::cases::SCREENED_LEN }> = Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/screened")));
static PACKED: Aligned<{ crate::cases::PACKED_LEN }> = Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/packed")));

pub fn indexes() -> Indexes<'static> {
    Indexes { ball_tree: &BALL_TREE.0, screened: &SCREENED.0, packed: &PACKED.0 }
}
