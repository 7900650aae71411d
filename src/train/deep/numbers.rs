//! A large array of numbers.

use std::ops::{Deref, DerefMut};

/// One large page, in bytes; shorter ones are not worth a mapping of their own.
#[cfg(feature = "io")]
const LEAST_MAPPED: usize = 1 << 21;

/// Numbers, or what they are stored as, in large pages, where the system has them and is asked through a mapping (feature `io`): gathers all
/// over a matrix spend a third of their time looking up small ones.
#[derive(Debug)]
pub(super) enum Numbers<E = f32> {
    Own(Vec<E>),
    #[cfg(feature = "io")]
    Mapped(memmap2::MmapMut),
}

impl<E: bytemuck::Pod> Numbers<E> {
    pub fn zeros(len: usize) -> Self {
        #[cfg(feature = "io")]
        if let Some(bytes) = len.checked_mul(size_of::<E>())
            && bytes >= LEAST_MAPPED
            && let Ok(map) = memmap2::MmapMut::map_anon(bytes)
        {
            // Without large pages it is as good as a vector.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            return Self::Mapped(map);
        }
        Self::Own(vec![E::zeroed(); len])
    }

    /// As many numbers as this, whatever they are.
    pub fn fit(&mut self, len: usize) {
        if self.len() != len {
            *self = Self::zeros(len);
        }
    }

    /// At least as many numbers as this, whatever they are.
    pub fn grow(&mut self, len: usize) {
        if self.len() < len {
            *self = Self::zeros(len);
        }
    }
}

impl<E> Default for Numbers<E> {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl<E: bytemuck::Pod> Deref for Numbers<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        match self {
            Self::Own(numbers) => numbers,
            #[cfg(feature = "io")]
            Self::Mapped(map) => bytemuck::cast_slice(map),
        }
    }
}

impl<E: bytemuck::Pod> DerefMut for Numbers<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        match self {
            Self::Own(numbers) => numbers,
            #[cfg(feature = "io")]
            Self::Mapped(map) => bytemuck::cast_slice_mut(map),
        }
    }
}

impl<E: bytemuck::Pod> Clone for Numbers<E> {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len());
        copy.copy_from_slice(self);
        copy
    }
}
