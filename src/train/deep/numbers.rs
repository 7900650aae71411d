//! A large array of numbers.

use std::ops::{Deref, DerefMut};

/// One large page; shorter ones are not worth a mapping of their own.
#[cfg(feature = "io")]
const LEAST_MAPPED: usize = 1 << 19;

/// Numbers in large pages, where the system has them and is asked through a mapping (feature `io`): gathers all over a matrix spend a third
/// of their time looking up small ones.
#[derive(Debug)]
pub(super) enum Numbers {
    Own(Vec<f32>),
    #[cfg(feature = "io")]
    Mapped(memmap2::MmapMut),
}

impl Numbers {
    pub fn zeros(len: usize) -> Self {
        #[cfg(feature = "io")]
        if let (true, Some(bytes)) = (len >= LEAST_MAPPED, len.checked_mul(4))
            && let Ok(map) = memmap2::MmapMut::map_anon(bytes)
        {
            // Without large pages it is as good as a vector.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            return Self::Mapped(map);
        }
        Self::Own(vec![0.0; len])
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

impl Default for Numbers {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Deref for Numbers {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Own(numbers) => numbers,
            #[cfg(feature = "io")]
            Self::Mapped(map) => bytemuck::cast_slice(map),
        }
    }
}

impl DerefMut for Numbers {
    fn deref_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Own(numbers) => numbers,
            #[cfg(feature = "io")]
            Self::Mapped(map) => bytemuck::cast_slice_mut(map),
        }
    }
}

impl Clone for Numbers {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len());
        copy.copy_from_slice(self);
        copy
    }
}
