//! The C face from Rust: what C cannot easily make, a model for `tests/c` to read, and that nothing is left out.
#![cfg(all(feature = "capi", feature = "io"))]

mod bits;
mod complete;

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

use subquad::capi::*;
use subquad::train::{Coding, Dataset, Deep, DeepModel, Model, Preparation, PrepareOptions, Target};

fn error() -> subquad_error {
    subquad_error { code: -1, expected: 0, found: 0, message: [1; 256] }
}

fn message(error: &subquad_error) -> &str {
    assert!(error.message.contains(&0), "not ended");
    // SAFETY: a zero is there.
    unsafe { CStr::from_ptr(error.message.as_ptr()) }.to_str().expect("messages are UTF-8, cut off between characters")
}

#[test]
fn a_model_for_c() {
    let target = Target::classes("kind", vec!["x".into(), "y".into(), "z".into()], vec![0, 1, 2, 0]).unwrap();
    let data = Dataset::new(vec!["a".into(), "b".into()], vec![1.0, 2.0, 3.0, 5.0, 4.0, 1.0, 0.0, 7.0], target).unwrap();
    let rows = [0, 1, 2, 3];
    let preparation = Preparation::fit(data.features(), &rows, PrepareOptions::default()).unwrap();
    let coding = Coding::fit(data.target(), &rows).unwrap();
    let (w, a) = (vec![0.5; 12], vec![1.0; 12]);
    let (w, a) = (subquad::MatRef::new(&w, 4, 3).unwrap(), subquad::MatRef::new(&a, 3, 4).unwrap());
    let model = Model::new(data.columns().clone(), preparation, coding, 0.0, w, a).unwrap();
    let bytes = model.to_bytes().unwrap();
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/model.safetensors"), &bytes).unwrap();

    let (mut handle, mut e) = (null_mut(), error());
    // SAFETY: the pointers are those of live slices and locals, with their lengths.
    unsafe {
        assert_eq!(subquad_model_from_bytes(bytes.as_ptr(), bytes.len(), &mut handle, &mut e), SUBQUAD_OK, "{}", message(&e));
        let (x, mut to) = ([1.0f32, 2.0, 3.0, 5.0], [-1.0; 2]);
        assert_eq!(subquad_model_predict(0, handle, 2, 2, x.as_ptr(), to.as_mut_ptr(), 2, &mut e), SUBQUAD_OK, "{}", message(&e));
        let truth = model.predict(subquad::Level::detect(), data.features(), &[0, 1]).unwrap();
        for (to, truth) in to.iter().zip(truth) {
            assert!(matches!(truth, subquad::train::Prediction::Class { index, .. } if index as f64 == *to));
        }
        subquad_model_free(handle);
    }
}

/// A deep model: loaded from its bytes and from its file, it answers as the library does.
#[test]
fn a_deep_model_for_c() {
    let target = Target::classes("sign", vec!["minus".into(), "plus".into()], vec![0, 0, 1, 1]).unwrap();
    let data = Dataset::new(vec!["t".into()], vec![-2.0, -1.0, 1.0, 2.0], target).unwrap();
    let rows = [0, 1, 2, 3];
    let preparation = Preparation::fit(data.features(), &rows, PrepareOptions::default()).unwrap();
    let coding = Coding::fit(data.target(), &rows).unwrap();
    let (x, y) = (preparation.apply(data.features(), &rows).unwrap(), coding.encode(data.target(), &rows).unwrap());
    let mut run = Deep::builder().width(256).tolerance(1e-3).seed(1).build(x.as_ref(), y.as_ref()).unwrap();
    while run.step().unwrap().is_some() {}
    let model = DeepModel::new(data.columns().clone(), preparation, coding, run).unwrap();
    let bytes = model.to_bytes().unwrap();
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/deep.safetensors");
    std::fs::write(path, &bytes).unwrap();
    assert!(DeepModel::is_one_in(&bytes) && !DeepModel::is_one_in(&bytes[..20]));

    let truth = model.predict(subquad::Level::detect(), data.features(), &rows).unwrap();
    let path = format!("{path}\0");
    for from_file in [false, true] {
        let (mut handle, mut e, mut to) = (null_mut(), error(), [-1.0; 4]);
        // SAFETY: the pointers are those of live slices and locals, with their lengths; the path ends with a zero.
        unsafe {
            let code = if from_file {
                subquad_model_load(path.as_ptr().cast(), &mut handle, &mut e)
            } else {
                subquad_model_from_bytes(bytes.as_ptr(), bytes.len(), &mut handle, &mut e)
            };
            assert_eq!(code, SUBQUAD_OK, "{}", message(&e));
            assert!(subquad_model_is_deep(handle) && subquad_model_is_classes(handle));
            let x = data.features().data();
            assert_eq!(subquad_model_predict(0, handle, 4, 1, x.as_ptr(), to.as_mut_ptr(), 4, &mut e), SUBQUAD_OK, "{}", message(&e));
            subquad_model_free(handle);
        }
        for (to, truth) in to.iter().zip(&truth) {
            assert!(matches!(truth, subquad::train::Prediction::Class { index, .. } if *index as f64 == *to));
        }
    }
    // Damaged: refused, and nothing is handed out.
    let (mut handle, mut e) = (null_mut(), error());
    // SAFETY: as above.
    unsafe {
        assert_eq!(subquad_model_from_bytes(bytes.as_ptr(), bytes.len() - 4, &mut handle, &mut e), SUBQUAD_MODEL);
    }
    assert!(handle.is_null() && !message(&e).is_empty());
}

/// Counts are handed over as figures; what is none, and the factors of a product, stand in the message alone.
#[test]
fn figures_are_filled_where_they_are_counts() {
    let (mut e, mut x, words) = (error(), [1.0f32; 8], [0u64; 3]);
    let (mut low, mut high, mut all) = (0.0, 0.0, 0);
    let figures = |e: &subquad_error| (e.expected, e.found, message(e).to_string());
    // SAFETY: the pointers are those of live slices and locals, with their lengths.
    unsafe {
        assert_eq!(subquad_pattern_overlap(0, 3, 5, words.as_ptr(), 0, 9, &mut all, &mut e), SUBQUAD_VALUE);
        assert_eq!(figures(&e), (3, 9, "pattern: sample: must be less than 3, found 9".into()));
        assert_eq!(subquad_sketch_law(0.5, &mut low, &mut high, &mut e), SUBQUAD_VALUE);
        assert_eq!(figures(&e), (1, 0, "sketch: rows for each sample: must be more than 1, found 0.5".into()));
        assert_eq!(subquad_fwht_f32(77, x.as_mut_ptr(), 8, &mut e), SUBQUAD_VALUE);
        assert_eq!(figures(&e), (0, 77, "level: must be one that this processor has, found 77".into()));
        assert_eq!(subquad_fwht_f32(0, x.as_mut_ptr(), usize::MAX, &mut e), SUBQUAD_OVERFLOW);
        assert_eq!(figures(&e), (0, 0, format!("x: {} x 4 does not fit {} bits", usize::MAX, usize::BITS - 1)));
    }
}

/// A message that is longer than its room is cut off between characters.
#[test]
fn long_messages_are_cut() {
    let path = format!("/{}\0", "ö".repeat(400));
    let (mut handle, mut e) = (null_mut(), error());
    // SAFETY: the path ends with a zero.
    let code = unsafe { subquad_model_load(path.as_ptr().cast(), &mut handle, &mut e) };
    assert_eq!((code, e.code), (SUBQUAD_MODEL, SUBQUAD_MODEL));
    assert!(handle.is_null() && message(&e).len() >= 200, "{}", message(&e));
}

unsafe extern "C" fn stops(_: *mut c_void, _: *const f32, _: *mut f32, _: usize) -> i32 {
    -7
}

#[test]
fn figures_reach_the_error() {
    let mut e = error();
    let mut x = [0.0f32; 9];
    // SAFETY: the pointers are those of live arrays and locals, with their lengths, or null.
    unsafe {
        assert_eq!(subquad_fwht_f32(0, x.as_mut_ptr(), 9, &mut e), SUBQUAD_TRANSFORM_LENGTH);
        assert_eq!((e.expected, e.found), (12, 9));
        assert_eq!(subquad_fwht_f32(1, x.as_mut_ptr(), 8, &mut e), SUBQUAD_OK);
        assert_eq!((e.code, message(&e)), (SUBQUAD_OK, ""));
        assert_eq!(subquad_fwht_f32(1, null_mut(), 8, null_mut()), SUBQUAD_NULL);
        assert_eq!(subquad_fwht_f32(1, null_mut(), 0, &mut e), SUBQUAD_TRANSFORM_LENGTH, "no numbers: null is no error");
        let (b, mut scratch) = ([1.0f32; 2], [0.0f32; 8]);
        let stopping = subquad_stopping { relative: 0.1, absolute: 0.0, max_iterations: 3 };
        let mut report = subquad_report { status: -1, iterations: 0, residual_norm: 0.0, rhs_norm: 0.0 };
        let (b, x, scratch) = (b.as_ptr(), x.as_mut_ptr(), scratch.as_mut_ptr());
        assert_eq!(subquad_cg_f32(1, 2, Some(stops), None, null_mut(), b, x, &stopping, &mut report, scratch, 8, &mut e), SUBQUAD_CALLBACK);
        assert_eq!((e.expected as i32, message(&e), report.status), (-7, "operator: the callback returned -7", -1));
        assert_eq!(subquad_model_features(null()), 0);
        assert!(!subquad_model_is_classes(null()));
    }
}
