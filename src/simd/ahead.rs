//! Memory that will be read soon.

/// Asks the processor to fetch these numbers into its second-level cache, and does not wait; nothing happens on processors that are not asked
/// here. For memory in an order that the processor cannot foresee.
#[inline(always)]
pub(crate) fn fetch_ahead<T>(x: &[T]) {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse"))]
    for line in x.chunks((64 / size_of::<T>().max(1)).max(1)) {
        use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: SSE is there; a prefetch changes nothing but caches, wherever it points, and this points into a slice.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse")))]
    let _ = x;
}
