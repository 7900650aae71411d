//! The two-layer network: forward pass, firing patterns, derivatives, Gram matrices.

use core::ffi::c_int;

use super::{guard, level, matrix, matrix_mut, one_mut, slice, slice_mut, subquad_error};
use crate::Error;
use crate::relu::{PatternMut, PatternRef, gram, pattern, two_layer};

/// The 64-bit words of a firing pattern: neuron r of sample i is bit r % 64 of word r / 64 of row i, whose length is
/// this for one sample.
#[cfg_attr(doc, doc = "\n```c\nassert(subquad_pattern_len(10, 65) == 20);\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_pattern_len(samples: usize, neurons: usize) -> usize {
    pattern::pattern_len(samples, neurons)
}

/// Scratch of a forward pass: d inputs, m neurons, c outputs.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_forward_scratch_len(d, m, c) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_forward_scratch_len(d: usize, m: usize, c: usize) -> usize {
    two_layer::forward_scratch_len(d, m, c)
}

/// Scratch of a Jacobian-vector product.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_jvp_scratch_len(d, m, c) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_jvp_scratch_len(d: usize, m: usize, c: usize) -> usize {
    two_layer::jvp_scratch_len(d, m, c)
}

/// Scratch of a vector-Jacobian product.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_vjp_scratch_len(d, m, c) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_vjp_scratch_len(d: usize, m: usize, c: usize) -> usize {
    two_layer::vjp_scratch_len(d, m, c)
}

/// Scratch of a product with the Gram matrix of the tangents.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_gram_product_scratch_len(d, m, c) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_gram_product_scratch_len(d: usize, m: usize, c: usize) -> usize {
    two_layer::gram_product_scratch_len(d, m, c)
}

/// Scratch of a Gram matrix of n samples of d inputs.
#[cfg_attr(doc, doc = "\n```c\nfloat *scratch = malloc(subquad_gram_scratch_len(n, d) * sizeof(float));\n```")]
#[unsafe(no_mangle)]
pub extern "C" fn subquad_gram_scratch_len(n: usize, d: usize) -> usize {
    gram::gram_scratch_len(n, d)
}

/// How many pairs of a sample and a neuron fire.
#[cfg_attr(
    doc,
    doc = "\n```c\nuint64_t fired;\nsubquad_pattern_count(0, n, m, words, &fired, &error);\nprintf(\"%.1f %% fire\\n\", 100. * fired / (n * m));\n```"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_pattern_count(
    level_number: u8,
    n: usize,
    m: usize,
    words: *const u64,
    to: *mut u64,
    error: *mut subquad_error,
) -> c_int {
    guard(error, || {
        // SAFETY: the caller's promise.
        let (words, to) = unsafe { (slice("words", words, pattern::pattern_len(n, m))?, one_mut("to", to)?) };
        *to = PatternRef::new(words, n, m)?.count(level(level_number)?);
        Ok(())
    })
}

/// How many pairs of a sample and a neuron fire in one of two patterns and not in the other.
#[cfg_attr(doc, doc = "\n```c\nuint64_t flips;\nsubquad_pattern_flips(0, n, m, before, after, &flips, &error);\n```")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_pattern_flips(
    level_number: u8,
    n: usize,
    m: usize,
    words: *const u64,
    others: *const u64,
    to: *mut u64,
    error: *mut subquad_error,
) -> c_int {
    guard(error, || {
        let len = pattern::pattern_len(n, m);
        // SAFETY: the caller's promise.
        let (words, others, to) = unsafe { (slice("words", words, len)?, slice("others", others, len)?, one_mut("to", to)?) };
        *to = PatternRef::new(words, n, m)?.flips(level(level_number)?, PatternRef::new(others, n, m)?)?;
        Ok(())
    })
}

/// How many neurons fire on both of two samples, i and j.
#[cfg_attr(doc, doc = "\n```c\nuint64_t both;\nsubquad_pattern_overlap(0, n, m, words, 0, 1, &both, &error);\n```")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subquad_pattern_overlap(
    level_number: u8,
    n: usize,
    m: usize,
    words: *const u64,
    i: usize,
    j: usize,
    to: *mut u64,
    error: *mut subquad_error,
) -> c_int {
    guard(error, || {
        // SAFETY: the caller's promise.
        let (words, to) = unsafe { (slice("words", words, pattern::pattern_len(n, m))?, one_mut("to", to)?) };
        if i >= n || j >= n {
            return Err(Error::less("pattern: sample", n, i.max(j)).into());
        }
        *to = PatternRef::new(words, n, m)?.overlap(level(level_number)?, i, j);
        Ok(())
    })
}

macro_rules! networks {
    ($T:ty; $forward:ident $jvp:ident $vjp:ident $gram_product:ident $gram:ident $analytic_gram:ident
        $vjp_rows:ident $overlaps:ident) => {
        /// F = m^(-1/2) max(X W^T - shift, 0) A^T: X n x d, W m x d, A c x m, F n x c. `words`, if not null, gets the
        /// firing pattern.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($forward), "(0, n, d, m, c, x, w, a, 0, words, f, scratch, subquad_forward_scratch_len(d, m, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $forward(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            c: usize,
            x: *const $T,
            w: *const $T,
            a: *const $T,
            shift: $T,
            words: *mut u64,
            f: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, w, a) = unsafe { (matrix("x", x, n, d)?, matrix("w", w, m, d)?, matrix("a", a, c, m)?) };
                // SAFETY: the caller's promise.
                let (f, scratch) = unsafe { (matrix_mut("f", f, n, c)?, slice_mut("scratch", scratch, scratch_len)?) };
                let pattern = if words.is_null() {
                    None
                } else {
                    // SAFETY: the caller's promise.
                    Some(PatternMut::new(unsafe { slice_mut("words", words, pattern::pattern_len(n, m)) }?, n, m)?)
                };
                Ok(two_layer::forward(level(level_number)?, x, w, a, shift, pattern, f, scratch)?)
            })
        }

        /// J V = m^(-1/2) (D o (X V^T)) A^T: X n x d, A c x m, D the pattern, V m x d, the result n x c.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($jvp), "(0, n, d, m, c, x, a, words, v, out, scratch, subquad_jvp_scratch_len(d, m, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $jvp(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            c: usize,
            x: *const $T,
            a: *const $T,
            words: *const u64,
            v: *const $T,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, a, v) = unsafe { (matrix("x", x, n, d)?, matrix("a", a, c, m)?, matrix("v", v, m, d)?) };
                // SAFETY: the caller's promise.
                let (out, scratch) = unsafe { (matrix_mut("out", out, n, c)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let pattern = PatternRef::new(unsafe { slice("words", words, pattern::pattern_len(n, m)) }?, n, m)?;
                Ok(two_layer::jvp(level(level_number)?, x, a, pattern, v, out, scratch)?)
            })
        }

        /// J^T U = m^(-1/2) (D o (U A))^T X: X n x d, A c x m, D the pattern, U n x c, the result m x d.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($vjp), "(0, n, d, m, c, x, a, words, u, out, scratch, subquad_vjp_scratch_len(d, m, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $vjp(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            c: usize,
            x: *const $T,
            a: *const $T,
            words: *const u64,
            u: *const $T,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, a, u) = unsafe { (matrix("x", x, n, d)?, matrix("a", a, c, m)?, matrix("u", u, n, c)?) };
                // SAFETY: the caller's promise.
                let (out, scratch) = unsafe { (matrix_mut("out", out, m, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let pattern = PatternRef::new(unsafe { slice("words", words, pattern::pattern_len(n, m)) }?, n, m)?;
                Ok(two_layer::vjp(level(level_number)?, x, a, pattern, u, out, scratch)?)
            })
        }

        /// K U = J (J^T U), the product with the Gram matrix of the tangents of all outputs: the result n x c.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($gram_product), "(0, n, d, m, c, x, a, words, u, out, scratch, subquad_gram_product_scratch_len(d, m, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gram_product(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            c: usize,
            x: *const $T,
            a: *const $T,
            words: *const u64,
            u: *const $T,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, a, u) = unsafe { (matrix("x", x, n, d)?, matrix("a", a, c, m)?, matrix("u", u, n, c)?) };
                // SAFETY: the caller's promise.
                let (out, scratch) = unsafe { (matrix_mut("out", out, n, c)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let pattern = PatternRef::new(unsafe { slice("words", words, pattern::pattern_len(n, m)) }?, n, m)?;
                Ok(two_layer::gram_product(level(level_number)?, x, a, pattern, u, out, scratch)?)
            })
        }

        /// `K[i][j] = <x_i, x_j> |S_i and S_j| / m` for j <= i: X n x d, the pattern n x m, the result n x n; what stands
        /// above the diagonal is meaningless.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($gram), "(0, n, d, m, x, words, k, scratch, subquad_gram_scratch_len(n, d), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gram(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            x: *const $T,
            words: *const u64,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (x, out, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix("x", x, n, d)?, matrix_mut("out", out, n, n)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let pattern = PatternRef::new(unsafe { slice("words", words, pattern::pattern_len(n, m)) }?, n, m)?;
                Ok(gram::gram(level(level_number)?, x, pattern, out, scratch)?)
            })
        }

        /// The limit of the Gram matrix for infinitely many Gaussian neurons; what stands above the diagonal is
        /// meaningless.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($analytic_gram), "(0, n, d, x, 0, k, scratch, subquad_gram_scratch_len(n, d), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $analytic_gram(
            level_number: u8,
            n: usize,
            d: usize,
            x: *const $T,
            shift: $T,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                let (x, out, scratch) =
                    // SAFETY: the caller's promise.
                    unsafe { (matrix("x", x, n, d)?, matrix_mut("out", out, n, n)?, slice_mut("scratch", scratch, scratch_len)?) };
                Ok(gram::analytic_gram(level(level_number)?, x, shift, out, scratch)?)
            })
        }

        /// Neurons first .. first + rows of J^T U: the result rows x d, everything else as in the whole product.
        #[cfg_attr(doc, doc = concat!("\n```c\n// neurons 64 to 127 of all\n", stringify!($vjp_rows), "(0, n, d, m, c, x, a, words, u, 64, 64, out, scratch, subquad_vjp_scratch_len(d, m, c), &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $vjp_rows(
            level_number: u8,
            n: usize,
            d: usize,
            m: usize,
            c: usize,
            x: *const $T,
            a: *const $T,
            words: *const u64,
            u: *const $T,
            first: usize,
            rows: usize,
            out: *mut $T,
            scratch: *mut $T,
            scratch_len: usize,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (x, a, u) = unsafe { (matrix("x", x, n, d)?, matrix("a", a, c, m)?, matrix("u", u, n, c)?) };
                // SAFETY: the caller's promise.
                let (out, scratch) = unsafe { (matrix_mut("out", out, rows, d)?, slice_mut("scratch", scratch, scratch_len)?) };
                // SAFETY: the caller's promise.
                let pattern = PatternRef::new(unsafe { slice("words", words, pattern::pattern_len(n, m)) }?, n, m)?;
                Ok(two_layer::vjp_rows(level(level_number)?, x, a, pattern, u, first, out, scratch)?)
            })
        }

        /// On how many neurons both of two samples fire, for each pair: the pattern n x m, the result n x n; what stands
        /// above the diagonal is meaningless.
        #[cfg_attr(doc, doc = concat!("\n```c\n", stringify!($overlaps), "(0, n, m, words, k, &error);\n```"))]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $overlaps(
            level_number: u8,
            n: usize,
            m: usize,
            words: *const u64,
            out: *mut $T,
            error: *mut subquad_error,
        ) -> c_int {
            guard(error, || {
                // SAFETY: the caller's promise.
                let (words, out) = unsafe { (slice("words", words, pattern::pattern_len(n, m))?, matrix_mut("out", out, n, n)?) };
                Ok(gram::overlaps(level(level_number)?, PatternRef::new(words, n, m)?, out)?)
            })
        }
    };
}

networks! { f32; subquad_forward_f32 subquad_jvp_f32 subquad_vjp_f32 subquad_gram_product_f32 subquad_gram_f32
subquad_analytic_gram_f32 subquad_vjp_rows_f32 subquad_overlaps_f32 }
networks! { f64; subquad_forward_f64 subquad_jvp_f64 subquad_vjp_f64 subquad_gram_product_f64 subquad_gram_f64
subquad_analytic_gram_f64 subquad_vjp_rows_f64 subquad_overlaps_f64 }
