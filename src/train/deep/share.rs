//! The shift at which a wanted share of the neurons fires, on weights that nobody drew.

use super::network::{Network, Rows, When};
use super::numbers::Numbers;
use crate::relu::deep::shift_for;
use crate::{Error, Level, MatRef};

/// Samples that it is measured on, at most: hundreds of neurons fire on each.
const SAMPLES: usize = 128;
/// How near to the share is near enough, as a part of it.
const NEAR: f64 = 0.01;
/// Trials: each runs the samples through all layers.
const TRIALS: usize = 24;

impl Network {
    /// Moves the shift to where this share of all layers' neurons fires: doubled, then halved between what fires too many and too few.
    /// The shift of Gaussian weights is where it begins. It ends at 0 where too few fire even there.
    pub fn fire_share(&mut self, level: Level, share: f64, x: MatRef<'_, f32>) -> Result<(), Error> {
        let apart = x.rows().div_ceil(SAMPLES).max(1);
        let stride = x.row_stride().saturating_mul(apart);
        let samples = Rows::samples(MatRef::with_strides(x.data(), x.rows().div_ceil(apart), x.cols(), stride, x.col_stride())?)?;
        let mut room = (Numbers::default(), Numbers::default());
        if self.share_at(level, 0.0, &samples, &mut room)? <= share {
            return Ok(());
        }
        let (mut low, mut high) = (0.0, None);
        let mut shift = shift_for(share)?.max(0.1) as f32;
        for _ in 0..TRIALS {
            let found = self.share_at(level, shift, &samples, &mut room)?;
            if (found - share).abs() <= NEAR * share {
                break;
            }
            if found > share {
                low = shift;
            } else {
                high = Some(shift);
            }
            shift = high.map_or(2.0 * low, |high| (low + high) / 2.0);
        }
        Ok(())
    }

    /// What share of the neurons fires on the samples, over all layers, at this shift, which stays.
    fn share_at(&mut self, level: Level, shift: f32, samples: &Rows, (z, scratch): &mut (Numbers, Numbers)) -> Result<f64, Error> {
        self.shift = shift;
        let (mut below, mut fired) = (None, 0);
        for l in 0..self.layers.len() {
            self.pre(level, l, below.as_ref().unwrap_or(samples), When::Now, z, scratch)?;
            let rows = self.fire(level, z, samples.rows())?;
            fired += rows.len();
            below = Some(rows);
        }
        Ok(fired as f64 / (samples.rows() * self.width() * self.layers.len()).max(1) as f64)
    }
}
