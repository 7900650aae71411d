//! Cholesky and QR, each with a copy of the matrix.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor as llt;
use faer::linalg::qr::no_pivoting::factor as householder;
use faer::{MatMut as FaerMut, Par};
use nalgebra::DMatrix;
use subquad::{Level, MatMut, blas};

use crate::matrices::by_faer;
use crate::race::{gaussian, race};

fn cholesky(n: usize) {
    let (level, k) = (Level::detect(), 64);
    let b = gaussian(n * k, 1);
    let mut spd = vec![0.0f32; n * n];
    by_faer(&b, &b, &mut spd, n, k);
    (0..n).for_each(|i| spd[i * n + i] += 10.0);
    let (mut ours, mut theirs) = (spd.clone(), spd.clone());
    let mut scratch = vec![0.0f32; blas::cholesky_scratch_len(n)];
    let mut memory = MemBuffer::new(llt::cholesky_in_place_scratch::<f32>(n, Par::Seq, Default::default()));
    let mut mine = |ours: &mut Vec<f32>| {
        ours.copy_from_slice(&spd);
        let found = blas::cholesky(level, MatMut::new(ours, n, n).unwrap(), &mut scratch).unwrap();
        assert_eq!(found, blas::Definite::Yes);
    };
    let mut faer = |theirs: &mut Vec<f32>| {
        theirs.copy_from_slice(&spd);
        // Symmetric, so that columns may stand for rows: that is the order they like.
        let a = FaerMut::from_column_major_slice_mut(theirs, n, n);
        llt::cholesky_in_place(a, Default::default(), Par::Seq, MemStack::new(&mut memory), Default::default()).unwrap();
    };
    mine(&mut ours);
    faer(&mut theirs);
    let matrix = DMatrix::from_column_slice(n, n, &spd);
    let third = matrix.clone().cholesky().unwrap();
    for (i, j) in [(n - 1, 0), (n - 1, n / 2), (n - 1, n - 1), (n / 2, n / 3)] {
        let entry = ours[i * n + j];
        assert!((entry - theirs[j * n + i]).abs() < 1e-3 * ours[i * n + i].abs());
        assert!((entry - third.l_dirty()[(i, j)]).abs() < 1e-3 * ours[i * n + i].abs());
    }
    let mut all: Vec<(&str, &mut dyn FnMut())> = vec![];
    let (mut mine, mut faer) = (|| mine(&mut ours), || faer(&mut theirs));
    let mut nalgebra = || assert!(matrix.clone().cholesky().is_some());
    all.push(("", &mut mine));
    all.push(("faer 0.24", &mut faer));
    if n <= 1024 {
        all.push(("nalgebra 0.35", &mut nalgebra));
    }
    race("factors", &format!("Cholesky {n}"), &mut all);
}

/// R alone, of n columns of length s.
fn qr(s: usize, n: usize) {
    let level = Level::detect();
    let columns = gaussian(s * n, 2);
    let (mut ours, mut theirs) = (columns.clone(), columns.clone());
    let mut scratch = vec![0.0f32; blas::qr_scratch_len(s, n)];
    let block = householder::recommended_block_size::<f32>(s, n);
    let mut coefficients = vec![0.0f32; block * s.min(n)];
    let mut memory = MemBuffer::new(householder::qr_in_place_scratch::<f32>(s, n, block, Par::Seq, Default::default()));
    let mut mine = |ours: &mut Vec<f32>| {
        ours.copy_from_slice(&columns);
        blas::qr(level, MatMut::new(ours, n, s).unwrap(), &mut scratch).unwrap();
    };
    let mut faer = |theirs: &mut Vec<f32>| {
        theirs.copy_from_slice(&columns);
        let a = FaerMut::from_column_major_slice_mut(theirs, s, n);
        let q = FaerMut::from_column_major_slice_mut(&mut coefficients, block, s.min(n));
        householder::qr_in_place(a, q, Par::Seq, MemStack::new(&mut memory), Default::default());
    };
    mine(&mut ours);
    faer(&mut theirs);
    for j in [0, n / 2, n - 1] {
        assert!((ours[j * s + j].abs() - theirs[j * s + j].abs()).abs() < 1e-3 * ours[0].abs());
    }
    race("factors", &format!("QR {s} x {n}"), &mut [("", &mut || mine(&mut ours)), ("faer 0.24", &mut || faer(&mut theirs))]);
}

pub fn run() {
    [256, 512, 1024, 2048].into_iter().for_each(cholesky);
    [(512, 512), (2048, 512), (1024, 1024), (4096, 1024), (2048, 2048)].into_iter().for_each(|(s, n)| qr(s, n));
}
