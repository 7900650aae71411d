//! Matrices of nothing may have any shape that fits: as many rows as there are addresses, and no columns. Nothing is read, and
//! nothing takes long.

use std::sync::mpsc::channel;
use std::time::Duration;

use subquad::cg::{Identity, Jacobi, LeastSquaresStopping, LinearOperator, Preconditioner, TallOperator, least_squares};
use subquad::hadamard::{Order, Signs, Transform};
use subquad::halfspace::{Candidates, Hits, MaxTree, Watcher, peak, scan};
use subquad::low_rank::Update;
use subquad::relu::deep::{self, Form, Structured, Weights, output_gradients, unnormalise};
use subquad::relu::{FiredRef, PatternMut, PatternRef, Tangents, fired, gram, two_layer};
use subquad::sketch::{Srht, TensorSketch, TensorSrht};
use subquad::sparse::{self, Columns, Panels, PanelsMut, SparseRef, Support};
use subquad::{Error, Level, MatMut, MatRef, blas};

const HUGE: usize = usize::MAX / 2 + 1;

fn none<'a>(rows: usize, cols: usize) -> MatRef<'a, f32> {
    MatRef::new(&[], rows, cols).unwrap()
}

fn out<'a>(rows: usize, cols: usize) -> MatMut<'a, f32> {
    MatMut::new(&mut [], rows, cols).unwrap()
}

/// What it answers is none of this file's concern, but it answers.
type Case = (&'static str, fn(Level, &mut [f32]) -> Result<(), Error>);

struct Endless;
impl LinearOperator<f32> for Endless {
    fn dim(&self) -> usize {
        0
    }
    fn apply(&self, _: Level, _: &[f32], _: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        Ok(())
    }
}

const PRODUCTS: &[Case] = &[
    ("gemm, rows", |l, s| blas::gemm(l, 1.0, none(HUGE, 0), none(0, 0), 0.0, out(HUGE, 0), s)),
    ("gemm, rows of A and depth", |l, s| blas::gemm(l, 1.0, none(0, HUGE), none(HUGE, 0), 0.0, out(0, 0), s)),
    ("gemm, columns", |l, s| blas::gemm(l, 1.0, none(0, 0), none(0, HUGE), 0.0, out(0, HUGE), s)),
    ("gemm, columns and depth", |l, s| {
        let one = [1.0; 3];
        blas::gemm(l, 1.0, none(0, 3), MatRef::with_strides(&one, 3, HUGE / 4, 1, 0)?, 0.0, out(0, HUGE / 4), s)
    }),
    ("syrk, depth", |l, s| blas::syrk(l, 1.0, none(0, HUGE), 0.0, out(0, 0), s)),
    ("cholesky_solve", |l, s| blas::cholesky_solve(l, none(0, 0), out(0, HUGE), s)),
    ("triangular_solve", |l, s| blas::triangular_solve(l, blas::Triangle::Lower, none(0, 0), out(0, HUGE), s)),
    ("qr, rows", |l, s| blas::qr(l, out(0, HUGE), s)),
    ("qr, columns", |l, s| blas::qr(l, out(HUGE, 0), s)),
    ("cholesky_qr", |l, _| blas::cholesky_qr(l, none(0, HUGE), out(0, 0), &mut vec![0.0; 1 << 16]).map(drop)),
    ("transform, rows", |l, _| Transform::new().order(Order::Sequency).rows(l, out(0, HUGE))),
    ("transform, columns", |l, _| Transform::new().order(Order::Sequency).signs(Signs::Seed(1)).columns(l, out(HUGE, 0))),
    ("transform, rows from nothing", |l, _| Transform::new().rows_from(l, none(0, HUGE), out(0, HUGE))),
    ("apply_rows", |l, s| Endless.apply_rows(l, none(HUGE, 0), out(HUGE, 0), s)),
    ("precondition_rows, identity", |l, s| Identity.precondition_rows(l, none(HUGE, 0), out(HUGE, 0), s)),
    ("precondition_rows, Jacobi", |l, s| Jacobi::new(&[], HUGE)?.precondition_rows(l, none(HUGE, 0), out(HUGE, 0), s)),
];

const NETWORKS: &[Case] = &[
    ("forward, samples", |l, s| {
        let pattern = PatternMut::new(&mut [], HUGE, 0)?;
        two_layer::forward(l, none(HUGE, 0), none(0, 0), none(0, 0), 0.0, Some(pattern), out(HUGE, 0), s)
    }),
    ("forward, neurons", |l, s| {
        let pattern = PatternMut::new(&mut [], 0, HUGE)?;
        two_layer::forward(l, none(0, 0), none(HUGE, 0), none(0, HUGE), 0.0, Some(pattern), out(0, 0), s)
    }),
    ("forward, both", |l, s| two_layer::forward(l, none(HUGE, 0), none(HUGE, 0), none(0, HUGE), 0.0, None, out(HUGE, 0), s)),
    ("forward, outputs", |l, s| two_layer::forward(l, none(0, 0), none(0, 0), none(HUGE, 0), 0.0, None, out(0, HUGE), s)),
    ("jvp, samples", |l, s| two_layer::jvp(l, none(HUGE, 0), none(0, 0), PatternRef::new(&[], HUGE, 0)?, none(0, 0), out(HUGE, 0), s)),
    ("jvp, neurons", |l, s| two_layer::jvp(l, none(0, 0), none(0, HUGE), PatternRef::new(&[], 0, HUGE)?, none(HUGE, 0), out(0, 0), s)),
    ("vjp, samples", |l, s| two_layer::vjp(l, none(HUGE, 0), none(0, 0), PatternRef::new(&[], HUGE, 0)?, none(HUGE, 0), out(0, 0), s)),
    ("vjp, neurons", |l, s| two_layer::vjp(l, none(0, 0), none(0, HUGE), PatternRef::new(&[], 0, HUGE)?, none(0, 0), out(HUGE, 0), s)),
    ("vjp_rows, neurons", |l, s| {
        two_layer::vjp_rows(l, none(0, 0), none(0, HUGE), PatternRef::new(&[], 0, HUGE)?, none(0, 0), 64, out(HUGE - 64, 0), s)
    }),
    ("gram_product, samples", |l, s| {
        two_layer::gram_product(l, none(HUGE, 0), none(0, 0), PatternRef::new(&[], HUGE, 0)?, none(HUGE, 0), out(HUGE, 0), s)
    }),
    ("gram_product, neurons", |l, s| {
        two_layer::gram_product(l, none(0, 0), none(0, HUGE), PatternRef::new(&[], 0, HUGE)?, none(0, 0), out(0, 0), s)
    }),
    ("gram, neurons", |l, s| gram::gram(l, none(0, 0), PatternRef::new(&[], 0, HUGE)?, out(0, 0), s)),
    ("overlaps, neurons", |l, _| gram::overlaps(l, PatternRef::new(&[], 0, HUGE)?, out(0, 0))),
    ("analytic_gram, inputs", |l, s| gram::analytic_gram(l, none(0, HUGE), 0.0, out(0, 0), s)),
    ("tangents", |l, _| {
        let tangents = Tangents::new(none(HUGE, 0), none(0, 0), PatternRef::new(&[], HUGE, 0)?, 0.5)?;
        let stop = LeastSquaresStopping { relative: 0.0, gradient: 0.1, max_iterations: 3 };
        let mut scratch = vec![0.0; 1 << 16];
        TallOperator::apply(&tangents, l, &[], &mut [], &mut scratch)?;
        tangents.apply_transpose(l, &[], &mut [], &mut scratch)?;
        LinearOperator::apply(&tangents, l, &[], &mut [], &mut scratch)?;
        least_squares(l, &tangents, &[], 0.0, &mut [], stop, &mut scratch).map(drop)
    }),
    ("outputs_of_group", |l, s| {
        fired::outputs_of_group(l, FiredRef::new(&[0, 0], &[], &[], HUGE)?, none(0, 1), 0, 0, 0.0, out(HUGE, 0), s)
    }),
    ("descend", |l, s| {
        let lists = FiredRef::new(&[0, 0], &[], &[], HUGE)?;
        fired::descend(l, none(HUGE, 0), none(0, 1), lists, none(HUGE, 0), 0.1, 0, out(1, 0), &mut [0.0], s)
    }),
    ("fired: gram_product", |l, s| {
        let lists = FiredRef::new(&[0, 0], &[], &[], HUGE)?;
        fired::gram_product(l, none(HUGE, 0), none(0, 1), lists, none(HUGE, 0), 0, usize::MAX, out(HUGE, 0), s)
    }),
    ("values", |l, _| fired::values(l, none(HUGE, 0), &[], &[], &mut [])),
    ("input_gradient", |l, s| {
        let lists = FiredRef::new(&[0, 0], &[], &[], HUGE)?;
        fired::input_gradient(l, none(1, 0), none(0, 1), lists, none(HUGE, 0), out(HUGE, 0), s)
    }),
];

fn places<'a>(depth: usize, cols: usize) -> Result<SparseRef<'a, f32>, Error> {
    SparseRef::new(Support::new(&[0, 0], &[], cols)?, depth, &[])
}

const LAYERS: &[Case] = &[
    ("activate, neurons", |l, _| deep::activate(l, Form::Soft, 0.5, none(0, HUGE), &mut [9], &mut [], &mut [], &mut []).map(drop)),
    ("output_gradients, outputs", |_, _| output_gradients(none(HUGE, 0), Support::new(&[0, 0], &[], 0)?, &mut [])),
    ("unnormalise, outputs", |l, _| unnormalise(l, places(1, 5)?, &[1.0], HUGE, &mut [])),
    ("deep: gram_product, outputs", |l, s| {
        let g = SparseRef::new(Support::new(&[0], &[], 0)?, HUGE, &[])?;
        deep::gram_product(l, g, Columns::new(&[0], &[], &[])?, none(0, 0), none(0, HUGE), out(0, HUGE), s)
    }),
    ("combine, outputs", |l, _| deep::combine(l, SparseRef::new(Support::new(&[0], &[], 3)?, HUGE, &[])?, none(0, HUGE), &mut [])),
    ("structured, outputs", |l, s| {
        let h = SparseRef::new(Support::new(&[0], &[], 1)?, 1, &[])?;
        Structured::new(HUGE / 8, 1, 1)?.forward(l, (h, Columns::new(&[0, 0], &[], &[])?), out(0, HUGE / 8), s)
    }),
    ("structured, depth", |l, s| {
        let support = Support::new(&[0, 0], &[], 4)?;
        Structured::new(4, 4, 1)?.backward(l, SparseRef::new(support, HUGE, &[])?, support, &mut [], s)
    }),
    ("times_panels, rows of B", |l, _| {
        sparse::times_panels(l, places(1, HUGE)?, Panels::<f32>::row_major(&[], HUGE, 0)?, false, out(1, 0))
    }),
    ("times_panels, columns of B", |l, _| {
        let rows = SparseRef::new(Support::new(&[0], &[], 0)?, 1, &[])?;
        sparse::times_panels(l, rows, Panels::<f32>::row_major(&[], 0, HUGE)?, false, out(0, HUGE))
    }),
    ("pack, rows", |_, _| sparse::pack::<f32>(none(HUGE / 64, 0), &mut [])),
    ("pack, columns", |_, _| sparse::pack::<f32>(none(0, HUGE), &mut [])),
    ("spread, rows", |l, s| {
        let u = SparseRef::new(Support::new(&[0], &[], 0)?, 1, &[])?;
        sparse::spread(l, 1.0, u, Columns::new(&[0], &[], &[])?, Panels::<f32>::row_major(&[], 0, HUGE)?, out(HUGE, 0), s)
    }),
    ("overlap, depth", |l, s| {
        let (h, columns) = (SparseRef::new(Support::new(&[0], &[], 2)?, HUGE, &[])?, Columns::new(&[0, 0, 0], &[], &[])?);
        sparse::overlap(l, (h, columns), (h, columns), false, out(0, 0), s)
    }),
    ("update, outputs", |l, s| {
        let u = (SparseRef::new(Support::new(&[0], &[], 0)?, 1, &[])?, Columns::new(&[0], &[], &[])?);
        let v = (SparseRef::new(Support::new(&[0], &[], 2)?, 1, &[])?, Columns::new(&[0, 0, 0], &[], &[])?);
        let update = Update::new(u, v)?;
        let mut nothing = [0.0f32; 0];
        update.fold_sparse(&mut PanelsMut::packed(&mut nothing, 2, 0)?)?;
        let x = SparseRef::new(Support::new(&[0], &[], 2)?, 1, &[])?;
        update.query(l, 1.0, (x, v.1), out(0, 0), s)
    }),
];

const REPORTING: &[Case] = &[
    ("peak", |_, _| {
        peak(none(HUGE, 0));
        Ok(())
    }),
    ("scan, neurons", |l, s| scan(l, none(HUGE, 0), none(0, 0), 0.0, &mut Hits::new(&mut [], &mut [], 3)?, s)),
    ("scan, room", |l, s| scan(l, none(0, HUGE), none(0, HUGE), 0.0, &mut Hits::new(&mut [], &mut [], HUGE)?, s)),
    ("max tree, samples", |l, s| {
        let mut bytes = [0u64; 4096];
        let mut tree = MaxTree::build(l, none(0, 0), none(HUGE, 0), bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), s)?;
        tree.verify(l, none(0, 0), s)?;
        tree.update_batch(l, &[], none(0, 0), s)?;
        tree.replace(l, 0, &[], none(0, 0), s)
    }),
    ("candidates, samples", |l, s| {
        let mut bytes = [0u64; 4096];
        Candidates::build(l, none(0, 0), none(HUGE, 0), 0.0, 0.1, 0, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes), s).map(drop)
    }),
    ("sketches of samples", |l, s| {
        let p = PatternRef::new(&[], HUGE, 3)?;
        let (x, a) = (none(HUGE, 0), [1.0; 3]);
        Srht::new(1, 1, 1)?.jacobian(l, x, &a, p, MatMut::new(&mut [], 0, 1)?, s)
    }),
    ("sketches of no samples", |l, s| {
        let p = PatternRef::new(&[], 0, 3)?;
        let a = [1.0; 3];
        TensorSrht::new((3, 4), 4, 1)?.jacobian(l, none(0, 4), &a, p, out(0, 4), s)?;
        TensorSketch::new((3, 4), 4, 1)?.jacobian(l, none(0, 4), &a, p, out(0, 4), s)
    }),
];

#[test]
fn nothing_takes_no_time() {
    let (sender, done) = channel();
    let cases = [PRODUCTS, NETWORKS, LAYERS, REPORTING].concat();
    let mut waiting: Vec<_> = cases.iter().map(|(name, _)| *name).collect();
    for (name, case) in cases {
        let sender = sender.clone();
        // One that hangs ends with the program.
        std::thread::spawn(move || {
            let found = std::panic::catch_unwind(|| case(Level::detect(), &mut vec![0.0; 1 << 18]));
            let _ = sender.send((name, found.is_ok()));
        });
    }
    while let Ok((name, quietly)) = done.recv_timeout(Duration::from_secs(20)) {
        assert!(quietly, "{name} panicked");
        waiting.retain(|waits| *waits != name);
        if waiting.is_empty() {
            return;
        }
    }
    panic!("nothing takes long: {waiting:?}");
}
