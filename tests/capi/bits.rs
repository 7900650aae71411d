//! What functions of C answer has the bits of what the library answers, at every level.

use std::ffi::{c_int, c_void};
use std::ptr::{null, null_mut};

use subquad::capi::*;
use subquad::cg::{self, Column, LinearOperator, Preconditioner, Stopping, Watch};
use subquad::halfspace::{
    BallTree, Candidates, Check, Hits, MaxTree, Reporter, Rotated, Screened, Structure, Watcher, Workload, auto, peak,
};
use subquad::{Error, Level, MatMut, MatRef, blas, random};

use super::{error, message};

/// Levels of this processor, with their numbers in C.
fn levels() -> impl Iterator<Item = (u8, Level)> {
    ["scalar", "avx2", "avx512", "neon", "simd128"].into_iter().zip(1u8..).filter_map(|(name, number)| Some((number, name.parse().ok()?)))
}

/// Calls a function of C, whose last argument is the error, and which succeeds.
macro_rules! ok {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        let mut e = error();
        // SAFETY: the pointers are those of live slices and locals, with their lengths, or null.
        let code = unsafe { $function($($argument,)* &mut e) };
        assert_eq!(code, SUBQUAD_OK, "{}: {}", stringify!($function), message(&e));
    }};
}

/// Bytes that begin at a multiple of 8.
fn bytes(len: usize) -> Vec<u64> {
    vec![0; len.div_ceil(8)]
}

macro_rules! bits {
    ($room:ident $T:ident; $cg_rows_len:ident $cg_rows:ident $index_len:ident $build:ident $build_rotated:ident $query:ident $query_counting:ident
        $build_with_room:ident $insert:ident $delete:ident $update:ident $norm_squared:ident $max_abs:ident $max_tree_query_from:ident
        $candidates_query_from:ident $peak:ident) => {
        mod $room {
            use super::*;

            /// diag(1, 2, .., n) + 1 1^T.
            struct Matrix(usize);
            impl LinearOperator<$T> for Matrix {
                fn dim(&self) -> usize {
                    self.0
                }
                fn apply(&self, _: Level, x: &[$T], y: &mut [$T], _: &mut [$T]) -> Result<(), Error> {
                    product(x, y);
                    Ok(())
                }
            }
            /// diag(1, 2, .., n)^-1.
            impl Preconditioner<$T> for Matrix {
                fn precondition(&self, _: Level, r: &[$T], z: &mut [$T], _: &mut [$T]) -> Result<(), Error> {
                    divided(r, z);
                    Ok(())
                }
            }
            fn product(x: &[$T], y: &mut [$T]) {
                let sum: $T = x.iter().sum();
                y.iter_mut().zip(x).zip(1u16..).for_each(|((y, x), d)| *y = $T::from(d) * x + sum);
            }
            fn divided(r: &[$T], z: &mut [$T]) {
                z.iter_mut().zip(r).zip(1u16..).for_each(|((z, r), d)| *z = r / $T::from(d));
            }
            unsafe extern "C" fn products(_: *mut c_void, x: *const $T, y: *mut $T, rows: usize, n: usize) -> c_int {
                // SAFETY: what the library promises its callbacks.
                let (x, y) = unsafe { (std::slice::from_raw_parts(x, rows * n), std::slice::from_raw_parts_mut(y, rows * n)) };
                x.chunks(n).zip(y.chunks_mut(n)).for_each(|(x, y)| product(x, y));
                0
            }
            unsafe extern "C" fn divisions(_: *mut c_void, r: *const $T, z: *mut $T, rows: usize, n: usize) -> c_int {
                // SAFETY: what the library promises its callbacks.
                let (r, z) = unsafe { (std::slice::from_raw_parts(r, rows * n), std::slice::from_raw_parts_mut(z, rows * n)) };
                r.chunks(n).zip(z.chunks_mut(n)).for_each(|(r, z)| divided(r, z));
                0
            }

            fn gaussian(len: usize, stream: u32) -> Vec<$T> {
                let mut to = vec![0.0; len];
                random::gaussian(&mut random::stream(1, stream), &mut to);
                to
            }

            #[test]
            fn several_right_hand_sides() {
                let (rows, n) = (4, 37);
                let b = gaussian(rows * n, 0);
                let stop = Stopping { relative: 1e-5, absolute: 0.0, max_iterations: 12 };
                let stopping = subquad_stopping { relative: 1e-5, absolute: 0.0, max_iterations: 12 };
                for (number, level) in levels() {
                    for (how, check) in [(0, cg::Check::Trust), (1, cg::Check::Report), (2, cg::Check::Insist)] {
                        let (mut x, mut history, mut columns) = (vec![0.0; rows * n], vec![0.0; 9 * rows], vec![Column::default(); rows]);
                        let mut scratch = vec![$T::NAN; cg::conjugate_gradient_rows_scratch_len(n, rows, 0, 0)];
                        let mut watch = Watch { history: &mut history, callback: None, check, patience: 5 };
                        let (from, to) = (MatRef::new(&b, rows, n).unwrap(), MatMut::new(&mut x, rows, n).unwrap());
                        let m = Matrix(n);
                        cg::conjugate_gradient_rows(level, &m, &m, from, to, stop, &mut watch, &mut columns, &mut scratch).unwrap();

                        let mut scratch = vec![$T::NAN; $cg_rows_len(rows, n) + 1];
                        let len = scratch.len() - 1;
                        let (mut y, mut course, mut truth) = (vec![0.0; rows * n], vec![0.0; 9 * rows], vec![0.0; rows]);
                        let watch = subquad_watch {
                            history: course.as_mut_ptr(),
                            history_len: course.len(),
                            callback: None,
                            check: how,
                            patience: 5,
                            true_residual_norms: truth.as_mut_ptr(),
                        };
                        let mut reports: Vec<_> =
                            (0..rows).map(|_| subquad_report { status: -1, iterations: 0, residual_norm: 0.0, rhs_norm: 0.0 }).collect();
                        // Scratch that is aligned as its numbers are, and no better.
                        ok!($cg_rows(
                            number,
                            rows,
                            n,
                            Some(products),
                            Some(divisions),
                            null_mut(),
                            b.as_ptr(),
                            y.as_mut_ptr(),
                            &stopping,
                            &watch,
                            reports.as_mut_ptr(),
                            scratch[1..].as_mut_ptr(),
                            len
                        ));
                        assert!(x == y && history == course, "{level} {check:?}");
                        for ((found, column), truth) in reports.iter().zip(&columns).zip(truth) {
                            let wanted = column.report();
                            assert_eq!(
                                (found.iterations, found.residual_norm, found.rhs_norm),
                                (wanted.iterations, wanted.residual_norm, wanted.rhs_norm)
                            );
                            assert_eq!(found.status == 0, wanted.status == cg::Status::Converged);
                            assert_eq!(truth.to_bits(), wanted.true_residual_norm.unwrap_or(f64::NAN).to_bits());
                        }
                    }
                }
            }

            #[test]
            fn a_rotated_index() {
                let (m, d, n, room) = (150, 20, 3, 40);
                let (mut w, x) = (gaussian(m * d, 1), gaussian(n * d, 2));
                w.iter_mut().step_by(7).for_each(|w| *w *= 20.0);
                let (rows, queries) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
                let mut own = bytes(Rotated::<&[u8], $T>::storage_len(m, d));
                let (mut of_c, mut plain) = (own.clone(), bytes($index_len(2, m, d)));
                let len = $index_len(6, m, d);
                assert_eq!(len, 8 * own.len());
                ok!($build(2, m, d, w.as_ptr(), plain.as_mut_ptr().cast(), 8 * plain.len(), null_mut(), 0));
                for (number, level) in levels() {
                    let index = Rotated::build(level, rows, 9, bytemuck::cast_slice_mut::<_, u8>(&mut own)).unwrap();
                    let screened = Screened::open(bytemuck::cast_slice::<_, u8>(&plain), Check::Everything).unwrap();
                    let (mut counts, mut indices, mut values) = ([0; 3], vec![0; n * room], vec![0.0; n * room]);
                    let mut scratch = vec![0.0; index.scratch_len()];
                    let mut hits = Hits::new(&mut counts, &mut indices, room).unwrap().with_values(&mut values).unwrap();
                    let open = index.query_batch_counting(level, queries, 2.0, &mut hits, &mut scratch).unwrap();
                    let mut none = [0; 3];
                    let mut counted = Hits::new(&mut none, &mut [], 0).unwrap();
                    let plain_open = screened.query_batch_counting(level, queries, 2.0, &mut counted, &mut scratch).unwrap();
                    assert!(open < plain_open);

                    ok!($build_rotated(number, m, d, w.as_ptr(), 9, of_c.as_mut_ptr().cast(), len));
                    let at = of_c.as_ptr().cast();
                    let (mut found, mut listed, mut their) = ([9; 3], vec![0; n * room], vec![0.0; n * room]);
                    let (mut left, mut left_plain) = (0, 0);
                    let (to, to_len) = (scratch.as_mut_ptr(), scratch.len());
                    ok!($query_counting(
                        number,
                        6,
                        at,
                        len,
                        true,
                        n,
                        d,
                        x.as_ptr(),
                        2.0,
                        room,
                        found.as_mut_ptr(),
                        listed.as_mut_ptr(),
                        their.as_mut_ptr(),
                        &mut left,
                        to,
                        to_len
                    ));
                    assert!((found, left) == (counts, open) && listed == indices && their == values, "{level}");
                    listed.fill(0);
                    ok!($query(
                        number,
                        6,
                        at,
                        len,
                        true,
                        n,
                        d,
                        x.as_ptr(),
                        2.0,
                        room,
                        found.as_mut_ptr(),
                        listed.as_mut_ptr(),
                        null_mut(),
                        to,
                        to_len
                    ));
                    assert!(found == counts && listed == indices, "{level}");
                    ok!($query_counting(
                        number,
                        2,
                        plain.as_ptr().cast(),
                        8 * plain.len(),
                        true,
                        n,
                        d,
                        x.as_ptr(),
                        2.0,
                        0,
                        found.as_mut_ptr(),
                        null_mut(),
                        null_mut(),
                        &mut left_plain,
                        to,
                        to_len
                    ));
                    assert_eq!((found, left_plain), (none, plain_open), "{level}");
                    assert_eq!(own, of_c);
                }
                let mut index = Rotated::open(bytemuck::cast_slice_mut::<_, u8>(&mut own), Check::Everything).unwrap();
                index.update(Level::detect(), 7, &x[..d]).unwrap();
                index.seal();
                ok!($update(6, of_c.as_mut_ptr().cast(), len, 7, x.as_ptr(), d, true));
                assert_eq!(own, of_c);
            }

            /// The bytes are the library's after every change.
            #[test]
            fn neurons_that_come_and_go() {
                let (there, most, d) = (30, 100, 5);
                let w = gaussian(most * d, 3);
                let len = $index_len(4, most, d);
                let (mut own, mut of_c) = (bytes(len), bytes(len));
                let mut scratch = vec![0.0; BallTree::<&[u8], $T>::build_scratch_len(most, d)];
                let rows = MatRef::new(&w[..there * d], there, d).unwrap();
                let mut tree = BallTree::build_with_room(rows, most, bytemuck::cast_slice_mut::<_, u8>(&mut own), &mut scratch).unwrap();
                ok!($build_with_room(there, d, w.as_ptr(), most, of_c.as_mut_ptr().cast(), len, scratch.as_mut_ptr(), scratch.len()));
                for r in 0..most {
                    // Some go, some come, some come and go.
                    let row = &w[r * d..][..d];
                    if r >= there {
                        tree.insert(Level::detect(), r, row).unwrap();
                        ok!($insert(of_c.as_mut_ptr().cast(), len, r, row.as_ptr(), d, false));
                    }
                    if r % 3 == 0 {
                        tree.delete(r).unwrap();
                        ok!($delete(of_c.as_mut_ptr().cast(), len, r, false));
                    }
                }
                tree.insert(Level::detect(), 0, &w[d..2 * d]).unwrap();
                tree.seal();
                ok!($insert(of_c.as_mut_ptr().cast(), len, 0, w[d..].as_ptr(), d, true));
                assert_eq!(own, of_c);
            }

            #[test]
            fn some_of_the_samples() {
                let (m, d, n, room) = (60, 4, 5, 60);
                let (w, x) = (gaussian(m * d, 4), gaussian(n * d, 5));
                let (rows, samples) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
                let mut scratch =
                    vec![0.0; MaxTree::<&[u8], $T>::build_scratch_len(m, d).max(Candidates::<&[u8], $T>::build_scratch_len(m, d, n))];
                let mut tree = bytes(MaxTree::<&[u8], $T>::storage_len(m, d, n));
                let mut lists = bytes(Candidates::<&[u8], $T>::storage_len(m, d, n, m));
                for (number, level) in levels() {
                    let trees = MaxTree::build(level, rows, samples, bytemuck::cast_slice_mut::<_, u8>(&mut tree), &mut scratch).unwrap();
                    let (mut counts, mut indices) = ([0; 2], vec![0; 2 * room]);
                    trees.query_from(level, rows, 2, 0.5, &mut Hits::new(&mut counts, &mut indices, room).unwrap(), &mut scratch).unwrap();
                    Candidates::build(level, rows, samples, 0.5, 0.1, m, bytemuck::cast_slice_mut::<_, u8>(&mut lists), &mut scratch)
                        .unwrap();
                    for of_lists in [false, true] {
                        let (mut found, mut listed) = ([9; 2], vec![0; 2 * room]);
                        let (to, ids) = (found.as_mut_ptr(), listed.as_mut_ptr());
                        if of_lists {
                            ok!($candidates_query_from(
                                number,
                                lists.as_ptr().cast(),
                                8 * lists.len(),
                                true,
                                m,
                                d,
                                w.as_ptr(),
                                2,
                                2,
                                0.5,
                                room,
                                to,
                                ids,
                                null_mut()
                            ));
                        } else {
                            ok!($max_tree_query_from(
                                number,
                                tree.as_ptr().cast(),
                                8 * tree.len(),
                                true,
                                2,
                                2,
                                0.5,
                                room,
                                to,
                                ids,
                                null_mut(),
                                scratch.as_mut_ptr(),
                                scratch.len()
                            ));
                        }
                        // What stands behind an answer's last index is nobody's.
                        assert_eq!(found, counts, "{level}, of lists: {of_lists}");
                        for (i, count) in counts.iter().enumerate() {
                            let answer = i * room..i * room + *count as usize;
                            assert_eq!(listed[answer.clone()], indices[answer], "{level}, of lists: {of_lists}");
                        }
                    }
                }
            }

            #[test]
            fn norms_and_peaks() {
                let x = gaussian(137, 6);
                let (mut found, mut even) = (0.0, 0.0);
                for (number, level) in levels() {
                    ok!($norm_squared(number, x.len(), x.as_ptr(), &mut found));
                    assert_eq!(found, blas::norm_squared(level, &x));
                }
                ok!($max_abs(x.len(), x.as_ptr(), &mut found));
                assert_eq!(found, blas::max_abs(&x));
                ok!($max_abs(0, null(), &mut found));
                assert_eq!(found, 0.0);
                ok!($peak(1, 137, x.as_ptr(), &mut even));
                assert_eq!(even, peak(MatRef::new(&x, 1, 137).unwrap()));
            }
        }
    };
}

bits! { singles f32; subquad_cg_rows_scratch_len_f32 subquad_cg_rows_f32 subquad_index_len_f32 subquad_build_f32 subquad_build_rotated_f32
subquad_query_f32 subquad_query_counting_f32 subquad_build_with_room_f32 subquad_insert_f32 subquad_delete_f32 subquad_update_f32
subquad_norm_squared_f32 subquad_max_abs_f32 subquad_max_tree_query_from_f32 subquad_candidates_query_from_f32 subquad_peak_f32 }
bits! { doubles f64; subquad_cg_rows_scratch_len_f64 subquad_cg_rows_f64 subquad_index_len_f64 subquad_build_f64 subquad_build_rotated_f64
subquad_query_f64 subquad_query_counting_f64 subquad_build_with_room_f64 subquad_insert_f64 subquad_delete_f64 subquad_update_f64
subquad_norm_squared_f64 subquad_max_abs_f64 subquad_max_tree_query_from_f64 subquad_candidates_query_from_f64 subquad_peak_f64 }

/// The same choice for every kind of work; 5 is the number of candidate lists, which no function of any kind takes.
#[test]
fn the_choice_is_the_library_s() {
    let sizes = [1, 16, 784, 70_000];
    for (m, d, n, reuse) in sizes.iter().flat_map(|&m| sizes.iter().map(move |&d| (m, d, m % 7 * d % 300, d % 9))) {
        for (fired, drift, peak) in [(0.001, -1.0, 1.0), (0.02, 0.1, 2.0), (0.02, f64::NEG_INFINITY, 2.0), (0.5, 0.0, 0.0)] {
            let work = Workload { m, d, n, fired, drift: (drift >= 0.0).then_some(drift), reuse, peak };
            let mut kind = 99;
            ok!(subquad_auto(&subquad_workload { m, d, n, fired, drift, reuse, peak }, &mut kind));
            let wanted = match auto(work) {
                Structure::Scan => 0,
                Structure::Packed => 1,
                Structure::Screened => 2,
                Structure::BallTree => 4,
                Structure::Candidates => 5,
                Structure::Rotated => 6,
                _ => unreachable!("a structure without a number"),
            };
            assert_eq!(kind, wanted, "{work:?}");
        }
    }
}
