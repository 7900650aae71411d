//! How the damping of a Gauss-Newton step follows what steps achieve: Levenberg's and Marquardt's rule, for every trainer.
//!
//! Damping is counted in the units of the Gram matrix, whose mean diagonal entry at the start is `unit`.

/// Conjugate gradients are stopped at this share of their first residual.
pub(super) const INNER_TOLERANCE: f64 = 0.1;
/// Iterations of a system at most.
pub(super) const MOST_ITERATIONS: usize = 1000;
/// Attempts of one step, each damped eight times as much as the one before.
pub(super) const ATTEMPTS: usize = 16;
/// A run has settled when steps in turn lower the loss by less than this share of it.
pub(super) const SETTLED: f64 = 1e-4;

/// Where damping begins, in units.
const FIRST: f64 = 0.02;
/// Below this, in units, there is none.
const LEAST: f64 = 1e-7;
/// A step that kept less than this share of its promise damps the next one more ..
const BAD_GAIN: f64 = 0.02;
/// .. and one that kept more than this, less.
const GOOD_GAIN: f64 = 0.75;

/// The damping after a step that failed.
pub(super) fn raised(damping: f64, unit: f64) -> f64 {
    if damping > 0.0 { 8.0 * damping } else { FIRST * unit }
}

/// The damping after a step from `loss` to `next`, of which the linear model had promised `promised`.
pub(super) fn adapted(damping: f64, unit: f64, loss: f64, next: f64, promised: f64) -> f64 {
    let gain = (loss - next) / (loss - promised).max(f64::MIN_POSITIVE);
    if gain < BAD_GAIN {
        raised(damping, unit)
    } else if next <= loss / 4.0 || gain > GOOD_GAIN {
        if damping / 8.0 < LEAST * unit { 0.0 } else { damping / 8.0 }
    } else {
        damping
    }
}

#[cfg(test)]
mod tests {
    use super::{adapted, raised};

    #[test]
    fn failures_raise_it_and_kept_promises_lower_it() {
        assert_eq!(raised(0.0, 5.0), 0.1);
        assert_eq!(raised(0.5, 5.0), 4.0);
        assert_eq!(adapted(0.8, 1.0, 1.0, 0.99, 0.0), 6.4); // 1 % of the promise
        assert_eq!(adapted(0.8, 1.0, 1.0, 0.5, 0.0), 0.8);
        assert_eq!(adapted(0.8, 1.0, 1.0, 0.2, 0.0), 0.1); // 80 %
        assert_eq!(adapted(0.8, 1.0, 1.0, 0.25, 0.0), 0.1); // a fourth of the loss
        assert_eq!(adapted(7e-7, 1.0, 1.0, 0.1, 0.0), 0.0);
        assert_eq!(adapted(0.0, 1.0, 1.0, 0.99, 0.0), 0.02);
    }
}
