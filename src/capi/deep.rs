//! Deep networks of shifted ReLUs: the passes of one layer.

use core::ffi::c_int;

use super::sparse::{columns, described, support};
use super::{
    area, guard, level, matrix, matrix_mut, one_mut, slice, slice_mut, subquad_columns, subquad_error, subquad_panels_f32,
    subquad_panels_f64, subquad_sparse_f32, subquad_sparse_f64, subquad_support,
};
use crate::relu::deep::{self, Form, Structured, Weights};
use crate::{Error, Figure};

/// The share of neurons whose pre-activations, of variance 1, exceed a shift.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_fired_share(0) == 0.5);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_fired_share(shift: f64) -> f64 {
    deep::fired_share(shift)
}

/// The shift that so large a share of the neurons exceeds: the inverse of subquad_fired_share.
#[cfg_attr(doc, doc = "\n```c\ndouble shift;\nsubquad_shift_for(0.05, &shift, &error); // one neuron of twenty fires: 1.64\n```")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_shift_for(share: f64, to: *mut f64, error: *mut subquad_error) -> c_int {
    guard(error, || {
        // SAFETY: the caller's promise.
        let to = unsafe { one_mut("to", to) }?;
        *to = deep::shift_for(share)?;
        Ok(())
    })
}

/// The shift of the papers, (0.4 ln m)^(1/2).
#[cfg_attr(doc, doc = "\n```c\nassert(fabs(subquad_paper_shift(22026) - 2) < 1e-5);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_paper_shift(m: usize) -> f64 {
    deep::paper_shift(m)
}

/// Scratch of a backward pass: `depth` outputs of the network, so many places in the longest row above and in the longest one below.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_backward_scratch_len(depth, above, below) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_backward_scratch_len(depth: usize, above: usize, below: usize) -> usize {
    deep::backward_panels_scratch_len(depth, above, below)
}

/// Scratch of a product with a layer's part of the Gram matrix: so many places in all, so many in the longest column.
#[cfg_attr(
    doc,
    doc = "\n```c\nfloat *scratch = malloc(subquad_deep_gram_product_scratch_len(places, longest_column) * sizeof(float));\n```"
)]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_deep_gram_product_scratch_len(places: usize, longest_column: usize) -> usize {
    deep::gram_product_scratch_len(places, longest_column)
}

/// Scratch of a forward pass through structured weights; 0 where there are none.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_structured_forward_scratch_len(10000, 128) == 2 * 128);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_structured_forward_scratch_len(outputs: usize, inputs: usize) -> usize {
    Structured::new(outputs, inputs, 0).map_or(0, |w| Weights::<f32>::forward_scratch_len(&w, 0))
}

/// Scratch of a backward pass through structured weights, as subquad_backward_scratch_len; 0 where there are none.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_structured_backward_scratch_len(10000, 128, 1, 70, 50) == 128 + 50);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_structured_backward_scratch_len(
    outputs: usize,
    inputs: usize,
    depth: usize,
    above: usize,
    below: usize,
) -> usize {
    Structured::new(outputs, inputs, 0).map_or(0, |w| Weights::<f32>::backward_scratch_len(&w, depth, above, below))
}

macro_rules! deep {
    ($T:ty; $sparse:ident $panels:ident $activate:ident $output_gradients:ident $unnormalise:ident $backward:ident $gram_product:ident
        $combine:ident $structured_forward:ident $structured_backward:ident) => {
        /// Finds which neurons fire on each row of Z (n x m), those above the shift, and their outputs, normalised: less
        /// the shift (`form` 0, soft) or as they are (1, hard). `starts` gets n + 1 numbers, `norms` n; `indices` and
        /// `values` have room for `room` numbers each. `places` gets how many there are: where that is more than the
        /// room, only starts are of use, and the call is to be made again with more.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($activate), "(0, 0, shift, n, m, z, starts, indices, values, room, norms, &places, &error);\nsubquad_support fired = {n, m, starts, indices};\n", stringify!($sparse), " h = {fired, 1, values};\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $activate(
            level_number: u8,
            form: u32,
            shift: $T,
            n: usize,
            m: usize,
            z: *const $T,
            starts: *mut usize,
            indices: *mut u32,
            values: *mut $T,
            room: usize,
            norms: *mut $T,
            places: *mut usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let form = match form {
                    0 => Form::Soft,
                    1 => Form::Hard,
                    other => return Err(Error::value("form", "0 (soft) or 1 (hard)", Figure::Count(other as usize)).into()),
                };
                // SAFETY: the caller's promise.
                let (z, starts) = unsafe { (matrix("z", z, n, m)?, slice_mut("starts", starts, n.saturating_add(1))?) };
                // SAFETY: the caller's promise.
                let (indices, values) = unsafe { (slice_mut("indices", indices, room)?, slice_mut("values", values, room)?) };
                // SAFETY: the caller's promise.
                let (norms, places) = unsafe { (slice_mut("norms", norms, n)?, one_mut("places", places)?) };
                *places = deep::activate(level(level_number)?, form, shift, z, starts, indices, values, norms)?;
                Ok(())
            })
        }

        /// `e[i][c][j] = A[c][j]` on the neurons that fire, where the backward pass begins: A c x m; e has c numbers for
        /// each place, in the order of a stack.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($output_gradients), "(c, m, a, &fired, e, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $output_gradients(
            c: usize,
            m: usize,
            a: *const $T,
            fired: *const subquad_support,
            e: *mut $T,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (a, fired) = unsafe { (matrix("a", a, c, m)?, support("fired", fired)?) };
                // SAFETY: the caller's promise.
                let e = unsafe { slice_mut("e", e, area("e", c, fired.len())?) }?;
                Ok(deep::output_gradients(a, fired, e)?)
            })
        }

        /// g = (e - h <h, e>) / |u|, in place: h and norms as they were found, e a stack of that depth over h's places.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($unnormalise), "(0, &h, norms, c, e, &error);\n", stringify!($sparse), " g = {h.support, c, e};\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $unnormalise(
            level_number: u8,
            h: *const $sparse,
            norms: *const $T,
            depth: usize,
            e: *mut $T,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let h = unsafe { described("h", h) }?;
                // SAFETY: the caller's promise.
                let (norms, e) = unsafe { (slice("norms", norms, h.rows())?, slice_mut("e", e, area("e", depth, h.support().len())?)?) };
                Ok(deep::unnormalise(level(level_number)?, h, norms, depth, e)?)
            })
        }

        /// `e[i][c][j] = sum_r W[r][j] g[i][c][r]` for the inputs j in row i of `below`: B = W^T; e is a stack of g's depth
        /// over `below`.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($backward), "(0, &g, &transposed_weights, &below, e, scratch, subquad_backward_scratch_len(g.depth, above, below), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $backward(
            level_number: u8,
            g: *const $sparse,
            b: *const $panels,
            below: *const subquad_support,
            e: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (g, b, below) = unsafe { (described("g", g)?, described("b", b)?, support("below", below)?) };
                // SAFETY: the caller's promise.
                let (e, scratch) = unsafe { (slice_mut("e", e, area("e", g.depth(), below.len())?)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(deep::backward_panels(level(level_number)?, g, b, below, e, scratch)?)
            })
        }

        /// Out <- Out + ((G G^T) o (P x 1)) U, what a trained layer adds to the product of the Gram matrix of the tangents
        /// with U: g with its columns, P = H H^T of the layer below, n x n, of which what stands on and below the diagonal
        /// is read; U and Out n x depth.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($gram_product), "(0, &g, &columns, p, u, out, scratch, subquad_deep_gram_product_scratch_len(places, longest_column), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gram_product(
            level_number: u8,
            g: *const $sparse,
            g_columns: *const subquad_columns,
            p: *const $T,
            u: *const $T,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (g, g_columns) = unsafe { (described("g", g)?, columns("g_columns", g_columns)?) };
                let (n, c) = (g.rows(), g.depth());
                // SAFETY: the caller's promise.
                let (p, u, out) = unsafe { (matrix("p", p, n, n)?, matrix("u", u, n, c)?, matrix_mut("out", out, n, c)?) };
                // SAFETY: the caller's promise.
                let scratch = unsafe { slice_mut("scratch", scratch, scratch_len) }?;
                Ok(deep::gram_product(level(level_number)?, g, g_columns, p, u, out, scratch)?)
            })
        }

        /// `s_i = sum_c U[i][c] g_(i, c)`, the left factors of J^T U: U n x depth, as many numbers in `out` as g has places.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($combine), "(0, &g, u, s, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $combine(
            level_number: u8,
            g: *const $sparse,
            u: *const $T,
            out: *mut $T,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let g = unsafe { described("g", g) }?;
                // SAFETY: the caller's promise.
                let (u, out) = unsafe { (matrix("u", u, g.rows(), g.depth())?, slice_mut("out", out, g.support().len())?) };
                Ok(deep::combine(level(level_number)?, g, u, out)?)
            })
        }

        /// Z <- H W^T for weights that are known by their seed and stored nowhere: h of depth 1 with its columns, Z n x
        /// outputs.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($structured_forward), "(0, outputs, inputs, 7, &h, &columns, z, scratch, subquad_structured_forward_scratch_len(outputs, inputs), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $structured_forward(
            level_number: u8,
            outputs: usize,
            inputs: usize,
            seed: u64,
            h: *const $sparse,
            h_columns: *const subquad_columns,
            z: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let h = unsafe { (described("h", h)?, columns("h_columns", h_columns)?) };
                // SAFETY: the caller's promise.
                let (z, scratch) = unsafe { (matrix_mut("z", z, h.0.rows(), outputs)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(Structured::new(outputs, inputs, seed)?.forward(level(level_number)?, h, z, scratch)?)
            })
        }

        /// `e[i][c][j] = sum_r W[r][j] g[i][c][r]` for the inputs j in row i of `below`, for such weights.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($structured_backward), "(0, outputs, inputs, 7, &g, &below, e, scratch, scratch_len, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $structured_backward(
            level_number: u8,
            outputs: usize,
            inputs: usize,
            seed: u64,
            g: *const $sparse,
            below: *const subquad_support,
            e: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (g, below) = unsafe { (described("g", g)?, support("below", below)?) };
                // SAFETY: the caller's promise.
                let (e, scratch) = unsafe { (slice_mut("e", e, area("e", g.depth(), below.len())?)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(Structured::new(outputs, inputs, seed)?.backward(level(level_number)?, g, below, e, scratch)?)
            })
        }
    };
}

deep! { f32; subquad_sparse_f32 subquad_panels_f32 subquad_activate_f32 subquad_output_gradients_f32
subquad_unnormalise_f32 subquad_backward_f32 subquad_deep_gram_product_f32 subquad_combine_f32
subquad_structured_forward_f32 subquad_structured_backward_f32 }
deep! { f64; subquad_sparse_f64 subquad_panels_f64 subquad_activate_f64 subquad_output_gradients_f64
subquad_unnormalise_f64 subquad_backward_f64 subquad_deep_gram_product_f64 subquad_combine_f64
subquad_structured_forward_f64 subquad_structured_backward_f64 }
