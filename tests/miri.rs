//! Small sizes of everything, for interpreters: Miri looks for undefined behaviour, and runs it on big-endian machines,
//! where indexes of half-spaces are refused and everything else is the same.

use subquad::hadamard::{Order, Signs, Transform, fwht};
use subquad::halfspace::{BallTree, Check, Hits, Packed, Reporter, Rotated, Screened, scan, scan_scratch_len};
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::{Error, Level, MatMut, MatRef, blas, random};

fn numbers(n: usize, stream: u32) -> Vec<f32> {
    let mut x = vec![0.0; n];
    random::gaussian(&mut random::stream(5, stream), &mut x);
    x
}

#[test]
fn transforms() {
    for level in Level::available() {
        let mut x = [3i32, 1, 4, 1, 5, 9, 2, 6];
        fwht(level, &mut x).unwrap();
        assert_eq!(x[..2], [31, -3]);
        let mut y = numbers(96, 0);
        let sum: f32 = y.iter().sum();
        fwht(level, &mut y).unwrap();
        assert!((y[0] - sum).abs() < 1e-3);
        let mut rows = numbers(64, 1);
        Transform::new()
            .signs(Signs::Seed(1))
            .order(Order::Sequency)
            .orthonormal()
            .rows(level, MatMut::new(&mut rows, 4, 16).unwrap())
            .unwrap();
        Transform::<f32>::new().columns(level, MatMut::new(&mut rows, 4, 16).unwrap()).unwrap();
        let mut out = [0.0; 3];
        let mut scratch = [0.0; subquad::hadamard::outputs_scratch_len(64, 3)];
        Transform::new().outputs(level, &rows, 64, &[0, 63, 5], &mut out, &mut scratch).unwrap();
    }
}

/// The words of a pattern are numbers, not bytes: bit r % 64 of word r / 64, whatever the machine's order of bytes.
#[test]
fn patterns() {
    let (n, d, m, c) = (3, 2, 70, 2);
    let (x, w, u) = (numbers(n * d, 2), numbers(m * d, 3), numbers(n * c, 4));
    let mut a = vec![0.0; c * m];
    random::signs(&mut random::stream(5, 5), &mut a);
    let (x, w, a, u) =
        (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap(), MatRef::new(&a, c, m).unwrap(), MatRef::new(&u, n, c).unwrap());
    for level in Level::available() {
        let mut words = [u64::MAX; pattern::pattern_len(3, 70)];
        let (mut f, mut g, mut k) = ([0.0; 6], [0.0; 140], [0.0; 9]);
        let mut scratch = vec![f32::NAN; two_layer::gram_product_scratch_len(d, m, c).max(gram::gram_scratch_len(n, d))];
        let to = PatternMut::new(&mut words, n, m).unwrap();
        two_layer::forward(level, x, w, a, 0.25, Some(to), MatMut::new(&mut f, n, c).unwrap(), &mut scratch).unwrap();
        let fired = PatternRef::new(&words, n, m).unwrap();
        for (i, r) in (0..n).flat_map(|i| (0..m).map(move |r| (i, r))) {
            let z: f32 = (0..d).map(|k| x.get(i, k).unwrap() * w.get(r, k).unwrap()).sum();
            assert_eq!(words[i * 2 + r / 64] >> (r % 64) & 1 == 1, z > 0.25, "sample {i} neuron {r}");
        }
        assert_eq!(fired.count(level), words.iter().map(|w| u64::from(w.count_ones())).sum::<u64>());
        two_layer::vjp(level, x, a, fired, u, MatMut::new(&mut g, m, d).unwrap(), &mut scratch).unwrap();
        let v = MatRef::new(&g, m, d).unwrap();
        two_layer::jvp(level, x, a, fired, v, MatMut::new(&mut f, n, c).unwrap(), &mut scratch).unwrap();
        two_layer::gram_product(level, x, a, fired, u, MatMut::new(&mut f, n, c).unwrap(), &mut scratch).unwrap();
        gram::gram(level, x, fired, MatMut::new(&mut k, n, n).unwrap(), &mut scratch).unwrap();
        (0..n).for_each(|i| k[i * n + i] += 1.0);
        let mut room = vec![f32::NAN; blas::cholesky_scratch_len(n)];
        assert_eq!(blas::cholesky(level, MatMut::new(&mut k, n, n).unwrap(), &mut room).unwrap(), blas::Definite::Yes);
    }
}

#[test]
fn indexes() {
    let (m, d, n) = (40, 3, 2);
    let (w, x) = (numbers(m * d, 6), numbers(n * d, 7));
    let (w, x) = (MatRef::new(&w, m, d).unwrap(), MatRef::new(&x, n, d).unwrap());
    for level in Level::available() {
        let ask = |to: &mut dyn FnMut(&mut Hits<'_, f32>)| {
            let (mut counts, mut indices, mut values) = ([0; 2], [0; 80], [0.0; 80]);
            let mut hits = Hits::new(&mut counts, &mut indices, m).unwrap().with_values(&mut values).unwrap();
            to(&mut hits);
            (0..n).map(|i| (hits.indices(i).to_vec(), hits.values(i).to_vec())).collect::<Vec<_>>()
        };
        let wanted = ask(&mut |hits| scan(level, w, x, 0.5, hits, &mut vec![f32::NAN; scan_scratch_len(d, m)]).unwrap());
        assert!(wanted.iter().all(|(ids, _)| !ids.is_empty()));
        macro_rules! index {
            ($Index:ident, $build:expr) => {{
                let mut words = vec![0u64; $Index::<&[u8], f32>::storage_len(m, d) / 8];
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
                let build: fn(MatRef<'_, f32>, &mut [u8]) -> Result<(), Error> = $build;
                let built = build(w, bytes);
                if cfg!(target_endian = "big") {
                    let refused = built.unwrap_err().to_string();
                    assert_eq!(refused, "index: byte order of this machine: must be little-endian");
                    let refused = $Index::<_, f32>::open(&*bytes, Check::Header).unwrap_err().to_string();
                    assert_eq!(refused, "index: byte order of this machine: must be little-endian");
                } else {
                    built.unwrap();
                    let mut index = $Index::<_, f32>::open(bytes, Check::Everything).unwrap();
                    let mut scratch = vec![f32::NAN; index.scratch_len()];
                    assert_eq!(ask(&mut |hits| index.query_batch(level, x, 0.5, hits, &mut scratch).unwrap()), wanted);
                    index.update(level, 7, &[1.0, 2.0, 3.0]).unwrap();
                    index.update(level, 7, w.row(7).unwrap()).unwrap();
                    assert_eq!(ask(&mut |hits| index.query_batch(level, x, 0.5, hits, &mut scratch).unwrap()), wanted);
                    index.verify(w).unwrap();
                }
            }};
        }
        index!(Packed, |w, bytes| Packed::build(w, bytes).map(drop));
        index!(Screened, |w, bytes| Screened::build(w, bytes).map(drop));
        index!(Rotated, |w, bytes| Rotated::build(Level::detect(), w, 1, bytes).map(drop));
        index!(BallTree, |w, bytes| {
            BallTree::build(w, bytes, &mut vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(w.rows(), w.cols())]).map(drop)
        });
    }
}

/// Raw pointers of every kind: good, null, misaligned, too long.
#[cfg(feature = "capi")]
#[test]
fn the_c_face() {
    use subquad::capi::*;
    let mut e = subquad_error { code: 0, expected: 0, found: 0, message: [0; 256] };
    let (mut x, mut scratch) = ([1.0f32; 8], vec![0.0f32; 40_000]);
    let (w, mut counts, mut indices) = (numbers(20, 8), [0u32; 1], [0u32; 10]);
    // SAFETY: the pointers are those of live arrays, with their lengths, or such as are refused before they are read.
    unsafe {
        assert_eq!(subquad_fwht_f32(1, x.as_mut_ptr(), 8, &mut e), SUBQUAD_OK);
        assert_eq!(x[0], 8.0);
        assert_eq!(subquad_fwht_f32(1, std::ptr::null_mut(), 8, &mut e), SUBQUAD_NULL);
        assert_eq!(subquad_fwht_f32(1, x.as_mut_ptr().cast::<u8>().add(1).cast(), 4, &mut e), SUBQUAD_VALUE);
        assert_eq!(subquad_fwht_f32(1, x.as_mut_ptr(), usize::MAX, &mut e), SUBQUAD_OVERFLOW);
        let (counts, indices) = (counts.as_mut_ptr(), indices.as_mut_ptr());
        let (to, len) = (scratch.as_mut_ptr(), scratch.len());
        let none = std::ptr::null_mut();
        assert_eq!(
            subquad_scan_f32(1, 10, 2, 1, w.as_ptr(), x.as_ptr(), 0.0, 10, counts, indices, none, to, len, &mut e),
            SUBQUAD_OK,
            "{:?}",
            e.message
        );
        // Courses in scratch that is aligned for floats only, wherever it begins.
        let stopping = subquad_stopping { relative: 1e-6, absolute: 0.0, max_iterations: 9 };
        let b = [2.0f32, 4.0, 6.0, 0.0];
        for from in 0..3 {
            let mut x = [0.0f32; 4];
            let mut reports = [0, 0].map(|_| subquad_report { status: -1, iterations: 0, residual_norm: 0.0, rhs_norm: 0.0 });
            let len = subquad_cg_rows_scratch_len_f32(2, 2);
            let mut room = vec![0.0f32; from + len];
            let (at, to, x_to) = (room[from..].as_mut_ptr(), reports.as_mut_ptr(), x.as_mut_ptr());
            let code = subquad_cg_rows_f32(
                1,
                2,
                2,
                Some(twice),
                None,
                none.cast(),
                b.as_ptr(),
                x_to,
                &stopping,
                std::ptr::null(),
                to,
                at,
                len,
                &mut e,
            );
            assert_eq!((code, x, reports[1].status), (SUBQUAD_OK, [1.0, 2.0, 3.0, 0.0], 0));
            let short = subquad_cg_rows_f32(
                1,
                2,
                2,
                Some(twice),
                None,
                none.cast(),
                b.as_ptr(),
                x_to,
                &stopping,
                std::ptr::null(),
                to,
                at,
                len - 1,
                &mut e,
            );
            assert_eq!((short, e.expected, e.found), (SUBQUAD_TOO_SHORT, len, len - 1));
        }
    }
}

/// 2 I, for so many rows.
#[cfg(feature = "capi")]
unsafe extern "C" fn twice(_: *mut std::ffi::c_void, x: *const f32, y: *mut f32, rows: usize, dim: usize) -> std::ffi::c_int {
    for i in 0..rows * dim {
        // SAFETY: what the library promises its callbacks.
        unsafe { y.add(i).write(2.0 * x.add(i).read()) };
    }
    0
}

/// What the C face is told by descriptions: pointers within structures.
#[cfg(feature = "capi")]
#[test]
fn descriptions_of_c() {
    use std::ptr::null;
    use subquad::capi::*;
    let mut e = subquad_error { code: 0, expected: 0, found: 0, message: [0; 256] };
    // The rows (2, 0) and (3, 5), W^T with the rows (1, 10) and (100, 1000).
    let (starts, indices, values) = ([0usize, 1, 3], [0u32, 0, 1], [2.0f32, 3.0, 5.0]);
    let support = subquad_support { rows: 2, cols: 2, starts: starts.as_ptr(), indices: indices.as_ptr() };
    let h = subquad_sparse_f32 { support, depth: 1, values: values.as_ptr() };
    let (w, mut at, mut rows, mut places) = ([1.0f32, 10.0, 100.0, 1000.0], [9usize; 3], [9u32; 3], [9u32; 3]);
    let b = subquad_panels_f32 { rows: 2, cols: 2, packed: false, numbers: w.as_ptr() };
    let (mut z, mut panels, mut scratch) = ([0.0f32; 4], vec![0.0f32; subquad_panels_len(2, 2)], vec![0.0f32; 4096]);
    let (to, len) = (scratch.as_mut_ptr(), scratch.len());
    // SAFETY: the pointers are those of live arrays, with their lengths, or null.
    unsafe {
        assert_eq!(subquad_times_panels_f32(1, &h, &b, false, z.as_mut_ptr(), &mut e), SUBQUAD_OK);
        assert_eq!(z, [2.0, 20.0, 503.0, 5030.0]);
        assert_eq!(subquad_transpose(&support, at.as_mut_ptr(), rows.as_mut_ptr(), places.as_mut_ptr(), &mut e), SUBQUAD_OK);
        let columns = subquad_columns { cols: 2, starts: at.as_ptr(), rows: rows.as_ptr(), places: places.as_ptr() };
        // H H^T once more, as an update of W^T; then what it adds to H W^T.
        let update = subquad_low_rank_f32 { u: h, u_columns: columns, v: h, v_columns: columns };
        assert!(subquad_low_rank_query_scratch_len_f32(&update, 2) <= len);
        assert_eq!(subquad_low_rank_query_f32(1, &update, 1.0, &h, &columns, z.as_mut_ptr(), to, len, &mut e), SUBQUAD_OK);
        assert_eq!(z, [2.0 + 8.0 + 18.0, 20.0 + 30.0, 503.0 + 12.0 + 102.0, 5030.0 + 170.0]);
        assert_eq!(subquad_pack_f32(2, 2, w.as_ptr(), panels.as_mut_ptr(), &mut e), SUBQUAD_OK);
        assert_eq!(subquad_low_rank_fold_sparse_f32(&update, 2, 2, panels.as_mut_ptr(), &mut e), SUBQUAD_OK);
        assert_eq!(panels[0], 1.0 + 4.0 + 9.0);
        assert_eq!(subquad_low_rank_query_f32(1, null(), 1.0, &h, &columns, z.as_mut_ptr(), to, len, &mut e), SUBQUAD_NULL);
        let nowhere = subquad_support { starts: null(), ..support };
        assert_eq!(subquad_transpose(&nowhere, at.as_mut_ptr(), rows.as_mut_ptr(), places.as_mut_ptr(), &mut e), SUBQUAD_NULL);
        let endless = subquad_support { rows: usize::MAX, ..support };
        assert_eq!(subquad_transpose(&endless, at.as_mut_ptr(), rows.as_mut_ptr(), places.as_mut_ptr(), &mut e), SUBQUAD_OVERFLOW);
        // Lists: one neuron fires on the second of two samples.
        let (starts, samples) = ([0usize, 1], [1u32]);
        let lists = subquad_fired_f32 { neurons: 1, n: 2, starts: starts.as_ptr(), samples: samples.as_ptr(), values: values.as_ptr() };
        let (a, mut f) = ([1.0f32], [9.0f32; 2]);
        assert!(subquad_fired_outputs_scratch_len(2, 1, 1, 1) <= len);
        assert_eq!(subquad_fired_outputs_f32(1, &lists, 1, 1, a.as_ptr(), 0, 0.5, f.as_mut_ptr(), to, len, &mut e), SUBQUAD_OK);
        assert_eq!(f, [0.0, 1.5]);
    }
}
