//! The two-layer network by lists of what fires, for steps that touch nothing else.

use core::ffi::c_int;

use super::sparse::{Described, described};
use super::{Failure, guard, level, matrix, matrix_mut, slice, slice_mut, subquad_error};
use crate::relu::{FiredRef, fired};

/// Neurons whose outputs are summed up together: group g begins at neuron g times this.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_fired_group_len(2, 4) == 64);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fired_group_len(d: usize, m: usize) -> usize {
    fired::group_len(d, m)
}

/// Groups of neurons.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_fired_groups(2, 3000) == 3); // of 1024, 1024, 952\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fired_groups(d: usize, m: usize) -> usize {
    fired::groups(d, m)
}

/// Scratch of the outputs of a group of neurons.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_fired_outputs_scratch_len(n, d, m, c) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fired_outputs_scratch_len(n: usize, d: usize, m: usize, c: usize) -> usize {
    fired::outputs_scratch_len(n, d, m, c)
}

/// Scratch of a descent, of the product with the Gram matrix, and of the derivative by the inputs.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_fired_scratch_len(10, 3) == 13);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fired_scratch_len(d: usize, c: usize) -> usize {
    fired::descend_scratch_len(d, c)
}

macro_rules! lists {
    ($T:ty; $lists:ident $outputs:ident $descend:ident $gram_product:ident $values:ident $input_gradient:ident) => {
        /// Which of n samples each neuron fires on, in ascending order, with its pre-activations there: neuron r has the
        /// entries `starts[r]` to `starts[r + 1] - 1`.
        #[cfg_attr(doc, doc = concat!("\n```c\n// neuron 0 fires on sample 1, neuron 1 never, neuron 2 on both\nsize_t starts[] = {0, 1, 1, 3};\nuint32_t samples[] = {1, 0, 1};\n", stringify!($lists), " lists = {.neurons = 3, .n = 2, .starts = starts, .samples = samples, .values = values};\n```"))]
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $lists {
            /// Neurons.
            pub neurons: usize,
            /// Samples that there are.
            pub n: usize,
            /// neurons + 1 numbers, the first of them 0.
            pub starts: *const usize,
            /// `starts[neurons]` numbers, each less than n.
            pub samples: *const u32,
            /// `starts[neurons]` numbers.
            pub values: *const $T,
        }

        impl<'a> Described<'a> for $lists {
            type To = FiredRef<'a, $T>;
            unsafe fn read(&self) -> Result<Self::To, Failure> {
                // SAFETY: the caller's promise.
                unsafe {
                    let starts = slice("fired: starts", self.starts, self.neurons.saturating_add(1))?;
                    let len = starts.last().copied().unwrap_or(0);
                    let (samples, values) = (slice("fired: samples", self.samples, len)?, slice("fired: values", self.values, len)?);
                    Ok(FiredRef::new(starts, samples, values, self.n)?)
                }
            }
        }

        /// What group g of the neurons contributes to m^(-1/2) max(Z - shift, 0) A^T: A c x m, the result n x c. The sum
        /// over the groups, in their order, has the bits of the forward pass on d inputs.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($outputs), "(0, &lists, d, c, a, 0, 0, f, scratch, subquad_fired_outputs_scratch_len(n, d, m, c), &error); // group 0, shift 0\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $outputs(
            level_number: u8,
            lists: *const $lists,
            d: usize,
            c: usize,
            a: *const $T,
            g: usize,
            shift: $T,
            f: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let lists = unsafe { described("lists", lists) }?;
                // SAFETY: the caller's promise.
                let (a, f) = unsafe { (matrix("a", a, c, lists.neurons())?, matrix_mut("f", f, lists.samples(), c)?) };
                // SAFETY: the caller's promise.
                let scratch = unsafe { slice_mut("scratch", scratch, scratch_len) }?;
                Ok(fired::outputs_of_group(level(level_number)?, lists, a, d, g, shift, f, scratch)?)
            })
        }

        /// W <- W - rate J^T U on neurons first .. first + rows, and of these on those that fire: X n x d, A c x m, U n x
        /// c, W rows x d. `moved` (rows) gets how far each went.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($descend), "(0, &lists, d, c, x, a, u, 0.5, 0, m, w, moved, scratch, subquad_fired_scratch_len(d, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $descend(
            level_number: u8,
            lists: *const $lists,
            d: usize,
            c: usize,
            x: *const $T,
            a: *const $T,
            u: *const $T,
            rate: $T,
            first: usize,
            rows: usize,
            w: *mut $T,
            moved: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let lists = unsafe { described("lists", lists) }?;
                let (n, m) = (lists.samples(), lists.neurons());
                // SAFETY: the caller's promise.
                let (x, a, u) = unsafe { (matrix("x", x, n, d)?, matrix("a", a, c, m)?, matrix("u", u, n, c)?) };
                // SAFETY: the caller's promise.
                let (w, moved) = unsafe { (matrix_mut("w", w, rows, d)?, slice_mut("moved", moved, rows)?) };
                // SAFETY: the caller's promise.
                let scratch = unsafe { slice_mut("scratch", scratch, scratch_len) }?;
                Ok(fired::descend(level(level_number)?, x, a, lists, u, rate, first, w, moved, scratch)?)
            })
        }

        /// Out <- Out + J J^T U, of neurons first .. first + count alone: X n x d, A c x m, U and Out n x c.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($gram_product), "(0, &lists, d, c, x, a, u, 0, m, out, scratch, subquad_fired_scratch_len(d, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gram_product(
            level_number: u8,
            lists: *const $lists,
            d: usize,
            c: usize,
            x: *const $T,
            a: *const $T,
            u: *const $T,
            first: usize,
            count: usize,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let lists = unsafe { described("lists", lists) }?;
                let (n, m) = (lists.samples(), lists.neurons());
                // SAFETY: the caller's promise.
                let (x, a, u) = unsafe { (matrix("x", x, n, d)?, matrix("a", a, c, m)?, matrix("u", u, n, c)?) };
                // SAFETY: the caller's promise.
                let (out, scratch) = unsafe { (matrix_mut("out", out, n, c)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(fired::gram_product(level(level_number)?, x, a, lists, u, first, count, out, scratch)?)
            })
        }

        /// <x_i, w> for the samples of a list, with the bits of the forward pass: X n x d, w d numbers, one value for each
        /// of the `count` samples.
        #[cfg_attr(doc, doc = concat!("\n```c\nuint32_t samples[] = {2, 0};\n", stringify!($values), "(0, n, d, x, w, samples, 2, values, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $values(
            level_number: u8,
            n: usize,
            d: usize,
            x: *const $T,
            w: *const $T,
            samples: *const u32,
            count: usize,
            values: *mut $T,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, w) = unsafe { (matrix("x", x, n, d)?, slice("w", w, d)?) };
                // SAFETY: the caller's promise.
                let (samples, values) = unsafe { (slice("samples", samples, count)?, slice_mut("values", values, count)?) };
                Ok(fired::values(level(level_number)?, x, w, samples, values)?)
            })
        }

        /// `H_i += m^(-1/2) sum_r (u_i a_r) w_r` over the neurons that fire on sample i, the derivative by the inputs: W m x
        /// d, A c x m, U n x c, H n x d.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($input_gradient), "(0, &lists, d, c, w, a, u, h, scratch, subquad_fired_scratch_len(d, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $input_gradient(
            level_number: u8,
            lists: *const $lists,
            d: usize,
            c: usize,
            w: *const $T,
            a: *const $T,
            u: *const $T,
            h: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let lists = unsafe { described("lists", lists) }?;
                let (n, m) = (lists.samples(), lists.neurons());
                // SAFETY: the caller's promise.
                let (w, a, u) = unsafe { (matrix("w", w, m, d)?, matrix("a", a, c, m)?, matrix("u", u, n, c)?) };
                // SAFETY: the caller's promise.
                let (h, scratch) = unsafe { (matrix_mut("h", h, n, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(fired::input_gradient(level(level_number)?, w, a, lists, u, h, scratch)?)
            })
        }
    };
}

lists! { f32; subquad_fired_f32 subquad_fired_outputs_f32 subquad_fired_descend_f32 subquad_fired_gram_product_f32
subquad_fired_values_f32 subquad_fired_input_gradient_f32 }
lists! { f64; subquad_fired_f64 subquad_fired_outputs_f64 subquad_fired_descend_f64 subquad_fired_gram_product_f64
subquad_fired_values_f64 subquad_fired_input_gradient_f64 }
