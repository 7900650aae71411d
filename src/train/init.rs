//! Networks to start from.

use crate::random::{gaussian, signs, stream};

/// How the first weights are drawn.
///
/// ```
/// use subquad::train::{Init, TwoLayer};
///
/// # let (x, y) = ([0.6, 0.8, -0.8, 0.6, -0.6, -0.8, 0.8, -0.6], [1.0, -1.0, 1.0, -1.0]);
/// # let (x, y) = (subquad::MatRef::new(&x, 4, 2)?, subquad::MatRef::new(&y, 4, 1)?);
/// // In pairs the network is 0 at the start, so the first error is the mean of Y^2 = 1.
/// assert!((TwoLayer::builder().width(64).build(x, y)?.first_mse() - 1.0).abs() < 1e-9);
/// assert!((TwoLayer::builder().width(64).init(Init::Gaussian).build(x, y)?.first_mse() - 1.0).abs() > 1e-3);
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Init {
    /// Gaussian weights, signs at random; the second half of the neurons repeats the first with the opposite signs, so
    /// that the network is exactly zero at the start.
    ///
    /// Without it the random function that an untrained network is stays in its predictions as noise: about half a
    /// point of accuracy on the handwritten digits.
    #[default]
    Paired,
    /// Gaussian weights, signs at random: as the papers have it.
    Gaussian,
}

/// Hidden weights (m x d) and output signs (C x m), row by row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Start {
    pub weights: Vec<f32>,
    pub signs: Vec<f32>,
}

/// Draws a network. The first half of the weights, and of each output's signs, is the same for both kinds.
pub(super) fn draw(init: Init, width: usize, inputs: usize, outputs: usize, seed: u64) -> Start {
    let paired = init == Init::Paired;
    let half = if paired { width / 2 } else { width };
    let mut weights = vec![0.0; width * inputs];
    let (first, second) = weights.split_at_mut(half * inputs);
    gaussian(&mut stream(seed, 0), first);
    if paired {
        second[..half * inputs].copy_from_slice(first);
    }

    let mut all = vec![0.0; outputs * width];
    let mut rng = stream(seed, 1);
    for row in all.chunks_exact_mut(width) {
        let (first, second) = row.split_at_mut(half);
        signs(&mut rng, first);
        second.iter_mut().zip(first).for_each(|(to, &mut from)| *to = -from);
    }
    Start { weights, signs: all }
}
