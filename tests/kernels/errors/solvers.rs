//! Refusals of iterations and of what preconditions them.

use super::{HUGE, mat, refusals};
use subquad::cg::{self, Identity, Jacobi, LinearOperator, Preconditioner, SharedCholesky, Stopping};
use subquad::sketch::{Bounds, FixedStep, Sketched, fixed_step, fixed_step_scratch_len};
use subquad::{Error, Figure, Level, MatMut, MatRef};

struct Nothing(usize);
impl LinearOperator<f32> for Nothing {
    fn dim(&self) -> usize {
        self.0
    }
    fn apply(&self, _: Level, _: &[f32], _: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        Err(Error::value("operator", "one that works", Figure::Nothing))
    }
}
impl Preconditioner<f32> for Nothing {
    fn precondition(&self, _: Level, _: &[f32], _: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        Err(Error::value("preconditioner", "one that works", Figure::Nothing))
    }
}

#[test]
fn iterations() {
    let level = Level::detect();
    let b = [1.0f32; 3];
    let s = &mut [0.0f32; 4096];
    let stop = Stopping { relative: 0.1, absolute: 0.0, max_iterations: 3 };
    let negative = Stopping { relative: -0.1, ..stop };
    let nan = Stopping { absolute: f64::NAN, ..stop };
    let eye = [1.0f32, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let sketched = Sketched::new(mat(&eye, 3, 3), 192, 1).unwrap();
    let few = Sketched::new(mat(&eye, 3, 3), 191, 1).unwrap();
    let bounds = |low, high| FixedStep::Within(Bounds { low, high });
    let need = fixed_step_scratch_len(3, 0, Preconditioner::<f32>::scratch_len(&sketched));
    let (low, high) = ("fixed_step: low bound of the spectrum", "fixed_step: high bound of the spectrum");
    let (below, nothing) = (
        "relative tolerance: must be a number, and not negative, found -0.1",
        "absolute tolerance: must be a number, and not negative, found NaN",
    );
    refusals(vec![
        (
            "conjugate_gradient: b: expected 4, found 3",
            cg::conjugate_gradient(level, &Nothing(4), &Identity, &b, &mut [0.0; 4], stop, s).map(drop),
        ),
        (
            "conjugate_gradient: x: expected 3, found 2",
            cg::conjugate_gradient(level, &Nothing(3), &Identity, &b, &mut [0.0; 2], stop, s).map(drop),
        ),
        (
            &format!("conjugate_gradient: {below}"),
            cg::conjugate_gradient(level, &Nothing(3), &Identity, &b, &mut [0.0; 3], negative, s).map(drop),
        ),
        (
            &format!("conjugate_gradient: {nothing}"),
            cg::conjugate_gradient(level, &Nothing(3), &Identity, &b, &mut [0.0; 3], nan, s).map(drop),
        ),
        (
            "scratch: needs at least 12 elements, found 11",
            cg::conjugate_gradient(level, &Nothing(3), &Identity, &b, &mut [0.0; 3], stop, &mut s[..11]).map(drop),
        ),
        ("operator: must be one that works", cg::conjugate_gradient(level, &Nothing(3), &Identity, &b, &mut [0.0; 3], stop, s).map(drop)),
        (
            "preconditioner: must be one that works",
            cg::conjugate_gradient(level, &Nothing(3), &Nothing(3), &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        (
            &format!("conjugate_gradient: b: expected {HUGE}, found 3"),
            cg::conjugate_gradient(level, &Nothing(HUGE), &Identity, &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        ("precondition: z: expected 3, found 2", Identity.precondition(level, &b, &mut [0.0; 2], s)),
        ("Sketched: columns of the factor: expected 1, found 9", Sketched::new(mat(&eye, 1, 9), 9, 1).map(drop)),
        (
            "Sketched: rows of the sketch, one for each sample: needs at least 3 elements, found 2",
            Sketched::new(mat(&eye, 3, 3), 2, 1).map(drop),
        ),
        ("Sketched: diagonal of R: must be finite and not zero, found 0 at place 0", Sketched::new(mat(&eye[1..5], 2, 2), 2, 1).map(drop)),
        ("Sketched: r: expected 3, found 2", sketched.precondition(level, &b[..2], &mut [0.0; 3], s)),
        ("Sketched: z: expected 3, found 2", sketched.precondition(level, &b, &mut [0.0; 2], s)),
        (
            "fixed_step: b: expected 4, found 3",
            fixed_step(level, &Nothing(4), &sketched, FixedStep::Unit, &b, &mut [0.0; 4], stop, s).map(drop),
        ),
        (
            "fixed_step: g: expected 3, found 2",
            fixed_step(level, &Nothing(3), &sketched, FixedStep::Unit, &b, &mut [0.0; 2], stop, s).map(drop),
        ),
        (
            &format!("fixed_step: {below}"),
            fixed_step(level, &Nothing(3), &sketched, FixedStep::Unit, &b, &mut [0.0; 3], negative, s).map(drop),
        ),
        (
            "fixed_step: rows of the sketch for a step of 1, 64 for each sample: needs at least 192 elements, found 191",
            fixed_step(level, &Nothing(3), &few, FixedStep::Unit, &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        (
            &format!("{low}: must be finite and positive, found 0"),
            fixed_step(level, &Nothing(3), &few, bounds(0.0, 1.0), &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        (
            &format!("{high}: must be finite, and at least 2, found 1"),
            fixed_step(level, &Nothing(3), &few, bounds(2.0, 1.0), &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        (
            &format!("{high}: must be finite, and at least 1, found inf"),
            fixed_step(level, &Nothing(3), &few, bounds(1.0, f64::INFINITY), &b, &mut [0.0; 3], stop, s).map(drop),
        ),
        (
            &format!("scratch: needs at least {need} elements, found {}", need - 1),
            fixed_step(level, &Nothing(3), &few, bounds(1.0, 1.0), &b, &mut [0.0; 3], stop, &mut s[..need - 1]).map(drop),
        ),
    ]);
}

#[test]
fn preconditioners_and_several_sides() {
    let level = Level::detect();
    let (b, eye) = ([1.0f32; 6], [1.0f32, 0.0, 0.0, 1.0]);
    let s = &mut [0.0f32; 4096];
    let stop = Stopping { relative: 0.1, absolute: 0.0, max_iterations: 3 };
    let bad = Stopping { absolute: -1.0, ..stop };
    let jacobi = Jacobi::new(&b[..2], 3).unwrap();
    let shared = SharedCholesky::new(mat(&eye, 2, 2), 3).unwrap();
    let mut columns = [cg::Column::default(); 2];
    let need = cg::conjugate_gradient_rows_scratch_len(3, 2, 0, 0);
    let turned = mat(&b, 3, 2).t();
    let mut watch = cg::Watch::default();
    let mut rows = |b: MatRef<'_, f32>, x: MatMut<'_, f32>, stop: Stopping, columns: &mut [cg::Column], s: &mut [f32]| {
        cg::conjugate_gradient_rows(level, &Nothing(3), &Identity, b, x, stop, &mut watch, columns, s)
    };
    refusals(vec![
        ("Jacobi: diagonal: must be positive and finite, found 0 at place 1", Jacobi::new(&[1.0f32, 0.0], 1).map(drop)),
        ("Jacobi: diagonal: must be positive and finite, found NaN at place 0", Jacobi::new(&[f32::NAN], 1).map(drop)),
        ("apply_rows: rows of Y: expected 2, found 1", Nothing(3).apply_rows(level, mat(&b, 2, 3), out!(1, 3), s)),
        ("precondition_rows: rows of Z: expected 2, found 1", Nothing(3).precondition_rows(level, mat(&b, 2, 3), out!(1, 3), s)),
        ("Jacobi: r: expected 6, found 5", jacobi.precondition(level, &b[..5], &mut [0.0; 5], s)),
        ("Jacobi: z: expected 6, found 5", jacobi.precondition(level, &b, &mut [0.0; 5], s)),
        ("SharedCholesky: columns of the factor: expected 1, found 4", SharedCholesky::new(mat(&eye, 1, 4), 1).map(drop)),
        (
            "SharedCholesky: diagonal of the factor: must be positive and finite, found 0 at place 0",
            SharedCholesky::new(mat(&[0.0; 4], 2, 2), 1).map(drop),
        ),
        ("SharedCholesky: r: expected 6, found 5", shared.precondition(level, &b[..5], &mut [0.0; 5], s)),
        ("SharedCholesky: z: expected 6, found 5", shared.precondition(level, &b, &mut [0.0; 5], s)),
        ("conjugate_gradient_rows: columns of B: expected 3, found 2", rows(mat(&b, 3, 2), out!(3, 2), stop, &mut columns, s)),
        ("conjugate_gradient_rows: rows of X: expected 2, found 3", rows(mat(&b, 2, 3), out!(3, 3), stop, &mut columns, s)),
        ("conjugate_gradient_rows: columns of X: expected 3, found 2", rows(mat(&b, 2, 3), out!(2, 2), stop, &mut columns, s)),
        ("conjugate_gradient_rows: reports: expected 2, found 1", rows(mat(&b, 2, 3), out!(2, 3), stop, &mut columns[..1], s)),
        ("conjugate_gradient_rows: column stride of B: must be 1, found 2", rows(turned, out!(2, 3), stop, &mut columns, s)),
        (
            "conjugate_gradient: absolute tolerance: must be a number, and not negative, found -1",
            rows(mat(&b, 2, 3), out!(2, 3), bad, &mut columns, s),
        ),
        (
            &format!("scratch: needs at least {need} elements, found {}", need - 1),
            rows(mat(&b, 2, 3), out!(2, 3), stop, &mut columns, &mut s[..need - 1]),
        ),
    ]);
}
