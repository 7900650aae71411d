//! Lists of what fires that follow weights which Gauss-Newton proposes, and sometimes takes back.
//!
//! Source: Deng, Hu, Song, Weinstein, Zhuo, *Training Overparametrized Neural Networks in Sublinear Time*, arXiv 2208.04508:
//! the Gauss-Newton step on fired sets from trees of maxima, which are updated in batches.

use super::TrainError;
use super::fired::FiredSets;
use crate::MatRef;
use crate::relu::{FiredRef, pattern};

/// Lists that follow the weights.
#[derive(Debug)]
pub(super) struct Listed {
    pub found: FiredSets,
    /// The weights that the lists are of.
    pub of: Vec<f32>,
    pub moved: Vec<f32>,
}

impl Listed {
    pub fn follow(&mut self, x: MatRef<'_, f32>, w: MatRef<'_, f32>) -> Result<(), TrainError> {
        let d = w.cols();
        for ((moved, before), now) in self.moved.iter_mut().zip(self.of.chunks_exact_mut(d)).zip(w.data().chunks_exact(d)) {
            let far = before.iter().zip(now).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
            // A move that is too small for a square is one all the same.
            *moved = if before == now { 0.0 } else { (far as f32 * (1.0 + 1e-6)).max(f32::MIN_POSITIVE) };
            before.copy_from_slice(now);
        }
        self.found.follow(x, w, &self.moved)
    }
}

/// The pattern that lists stand for.
pub(super) fn mark(lists: FiredRef<'_, f32>, words: &mut [u64]) {
    let wide = pattern::words_per_sample(lists.neurons());
    words.fill(0);
    for r in 0..lists.neurons() {
        for &i in lists.of(r).0 {
            words[i as usize * wide + r / 64] |= 1 << (r % 64);
        }
    }
}
