//! Which way of half-space reporting for which work.

use core::ffi::c_int;

use super::{guard, matrix, one, one_mut, subquad_error};
use crate::halfspace::{Structure, Workload, auto, peak};
use crate::{Error, Figure};

/// What half-space reporting there is to do.
#[cfg_attr(
    doc,
    doc = "\n```c\n// a stored layer that is asked one new query at a time\nsubquad_workload work = {.m = 65536, .d = 64, .n = 1, .fired = 0.02, .drift = -1, .reuse = 1000, .peak = 1};\n```"
)]
#[repr(C)]
pub struct subquad_workload {
    /// Neurons.
    pub m: usize,
    /// Their numbers.
    pub d: usize,
    /// Queries that come together.
    pub n: usize,
    /// The share of neurons that fires, about.
    pub fired: f64,
    /// For queries that stay the same while the weights move: how far a neuron moves between two of them, relative to the
    /// standard deviation of the values of all neurons on a query of length 1. Less than 0 for queries that are new.
    pub drift: f64,
    /// How often the weights are asked before they change; 0 for weights that change every time.
    pub reuse: usize,
    /// How uneven the numbers of a row are: what subquad_peak says of the weights; 1 where that is not known.
    pub peak: f64,
}

/// What was fastest for work like this: 0 the scan, 1 a packed index, 2 a screened one, 4 a ball tree, 5 candidate lists, 6 a rotated
/// index. All answer alike.
#[cfg_attr(doc, doc = "\n```c\nuint32_t kind;\nsubquad_auto(&work, &kind, &error); // 2, screened, for the work above\n```")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_auto(work: *const subquad_workload, kind: *mut u32, error: *mut subquad_error) -> c_int {
    guard(error, || {
        // SAFETY: the caller's promise.
        let (work, kind) = unsafe { (one("work", work)?, one_mut("kind", kind)?) };
        let &subquad_workload { m, d, n, fired, drift, reuse, peak } = work;
        for (what, x) in [("work: fired", fired), ("work: drift", drift), ("work: peak", peak)] {
            if x.is_nan() {
                return Err(Error::value(what, "a number", Figure::number(x)).into());
            }
        }
        *kind = match auto(Workload { m, d, n, fired, drift: (drift >= 0.0).then_some(drift), reuse, peak }) {
            Structure::Scan => 0,
            Structure::Packed => 1,
            Structure::Screened => 2,
            Structure::BallTree => 4,
            Structure::Candidates => 5,
            Structure::Rotated => 6,
        };
        Ok(())
    })
}

macro_rules! choice {
    ($T:ty; $peak:ident) => {
        /// The largest number of a row of W (m x d), by that of as many Gaussian numbers with the same norm, on average: what is much more
        /// than 1 is better quantised rotated.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($peak), "(m, d, w, &work.peak, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $peak(m: usize, d: usize, w: *const $T, to: *mut f64, error: *mut subquad_error) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (w, to) = unsafe { (matrix("w", w, m, d)?, one_mut("to", to)?) };
                *to = peak(w);
                Ok(())
            })
        }
    };
}

choice! { f32; subquad_peak_f32 }
choice! { f64; subquad_peak_f64 }
