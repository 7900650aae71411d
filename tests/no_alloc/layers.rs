//! Sparse matrices, the layers of deep networks that consist of them, and low-rank updates.

use crate::armed;
use crate::oracle::{Places, levels, numbers};
use subquad::low_rank::{Situation, Update, cheapest};
use subquad::relu::deep::{self, Form, Structured, Weights};
use subquad::simd::{Bf16x2, Float, Stored};
use subquad::sparse::{self, Columns, Panels, PanelsMut, SparseRef, Support, panels_len};
use subquad::{Error, Level, MatMut, MatRef, Real};

const N: usize = 9;
const INPUTS: usize = 40;
const OUTPUTS: usize = 100;

/// A layer whose weights are there, or not: forward on h, backward with g.
fn layer<T: Float>(level: Level, weights: &impl Weights<T>, depth: usize) {
    let (h_places, g_places) = (Places::new(N, INPUTS, 1), Places::new(N, OUTPUTS, 2));
    let (h, g) = (h_places.numbers::<T>(1, 3), g_places.numbers::<T>(depth, 4));
    let (mut z, mut e) = (vec![T::ZERO; N * OUTPUTS], vec![T::ZERO; h.len() * depth]);
    let mut room = vec![T::ZERO; 1 << 17];
    armed(|| {
        let (h, g) = ((h_places.with(&h), h_places.columns()), g_places.with(&g));
        assert!(Weights::outputs(weights) == OUTPUTS && Weights::inputs(weights) == INPUTS);
        let forth = Weights::forward_scratch_len(weights, h.1.len());
        Weights::forward(weights, level, h, MatMut::new(&mut z, N, OUTPUTS)?, &mut room[..forth])?;
        let back = Weights::backward_scratch_len(weights, depth, g.support().longest(), h.0.support().longest());
        Weights::backward(weights, level, g, h.0.support(), &mut e, &mut room[..back])
    })
    .unwrap();
}

fn panels<E: Stored>(level: Level) {
    let (zero, one) = (E::Number::ZERO, E::Number::ONE);
    let wide = numbers::<E::Number>(INPUTS * OUTPUTS, 5);
    let (mut stored, places) = (vec![E::zeroed(); panels_len(INPUTS, OUTPUTS) / E::COLUMNS], Places::new(N, INPUTS, 1));
    let (below, above) = (Places::new(N, INPUTS, 6), Places::new(N, OUTPUTS, 7));
    let (h, g) = (places.numbers::<E::Number>(1, 3), above.numbers::<E::Number>(2, 4));
    let (mut z, mut e) = (vec![zero; INPUTS * OUTPUTS], vec![zero; 2 * below.support().len()]);
    let mut room = vec![zero; 1 << 17];
    armed(|| {
        sparse::pack(MatRef::new(&wide, INPUTS, OUTPUTS)?, &mut stored)?;
        let panels = Panels::packed(&stored, INPUTS, OUTPUTS)?;
        assert!(Panels::get(&panels, INPUTS - 1, OUTPUTS - 1).is_some());
        sparse::times_panels(level, places.with(&h), panels, true, MatMut::new(&mut z[..N * OUTPUTS], N, OUTPUTS)?)?;
        deep::backward_panels(level, above.with(&g), panels, below.support(), &mut e, &mut room)?;
        // Rows of M are those of U: as many as there are inputs would be too many.
        let shares = Panels::packed(&stored[..panels_len(N, OUTPUTS) / E::COLUMNS], N, OUTPUTS)?;
        sparse::spread(level, one, places.with(&h), places.columns(), shares, MatMut::new(&mut z, OUTPUTS, INPUTS)?, &mut room)
    })
    .unwrap();
    for depth in [1, 3] {
        layer(level, &Panels::packed(&stored, INPUTS, OUTPUTS).unwrap(), depth);
    }
}

fn layers<T: Float>(level: Level) {
    let structured = armed(|| Structured::new(OUTPUTS, INPUTS, 7)).unwrap();
    layer::<T>(level, &structured, 1);
    layer::<T>(level, &structured, 3);
    let z = numbers::<T>(N * INPUTS, 1);
    let (mut starts, mut indices) = (vec![0; N + 1], vec![0; N * INPUTS]);
    let (mut values, mut norms) = (vec![T::ZERO; N * INPUTS], vec![T::ZERO; N]);
    let (mut at, mut rows, mut places) = (vec![0; INPUTS + 1], vec![0; N * INPUTS], vec![0; N * INPUTS]);
    let (p, u, a) = (numbers::<T>(N * N, 2), numbers::<T>(N * 2, 3), numbers::<T>(2 * INPUTS, 4));
    let (mut g, mut out, mut inner, mut room) =
        (vec![T::ZERO; 2 * N * INPUTS], vec![T::ZERO; N * 2], vec![T::ZERO; N * N], vec![T::ZERO; 1 << 17]);
    armed(|| {
        let shift = T::from_f64(deep::shift_for(0.3)?.min(deep::paper_shift(INPUTS)));
        assert!(deep::fired_share(shift.to_f64()) > 0.0);
        let z = MatRef::new(&z, N, INPUTS)?;
        deep::activate(level, Form::Hard, T::ZERO, z, &mut starts, &mut indices, &mut values, &mut norms)?;
        let k = deep::activate(level, Form::Soft, shift, z, &mut starts, &mut indices, &mut values, &mut norms)?;
        let support = Support::new(&starts, &indices[..k], INPUTS)?;
        assert!(
            k > 0 && Support::longest(&support) > 0 && !Support::row(&support, 0).is_empty() && !Support::range(&support, 0).is_empty()
        );
        sparse::transpose(support, &mut at, &mut rows[..k], &mut places[..k])?;
        let columns = Columns::new(&at, &rows[..k], &places[..k])?;
        assert!(Columns::longest(&columns) > 0 && columns.pairs() > 0 && columns.column(0).0.len() <= N);
        assert!(Columns::range(&columns, 0).is_some());
        let h = SparseRef::new(support, 1, &values[..k])?;
        assert!(SparseRef::row(&h, 0, 0).len() == h.stack(0).len());
        let g = &mut g[..2 * k];
        deep::output_gradients(MatRef::new(&a, 2, INPUTS)?, support, g)?;
        deep::unnormalise(level, h, &norms, 2, g)?;
        let (p, u) = (MatRef::new(&p, N, N)?, MatRef::new(&u, N, 2)?);
        let stack = SparseRef::new(support, 2, g)?;
        deep::gram_product(level, stack, columns, p, u, MatMut::new(&mut out, N, 2)?, &mut room)?;
        for symmetric in [false, true] {
            sparse::overlap(level, (h, columns), (h, columns), symmetric, MatMut::new(&mut inner, N, N)?, &mut room)?;
        }
        deep::combine(level, stack, u, &mut room[..k])
    })
    .unwrap();
}

fn updates<T: Float>(level: Level) {
    let rank = 5;
    let (u_places, v_places) = (Places::new(rank, OUTPUTS, 1), Places::new(rank, INPUTS, 2));
    let (x_places, g_places) = (Places::new(N, INPUTS, 3), Places::new(N, OUTPUTS, 4));
    let (u, v) = (u_places.numbers::<T>(1, 5), v_places.numbers::<T>(1, 6));
    let (x, g) = (x_places.numbers::<T>(1, 7), g_places.numbers::<T>(2, 8));
    let (mut z, mut e) = (vec![T::ZERO; N * OUTPUTS], vec![T::ZERO; 2 * x.len()]);
    let (mut w, mut room) = (vec![T::ZERO; panels_len(INPUTS, OUTPUTS)], vec![T::ZERO; 1 << 17]);
    armed(|| {
        let update = Update::new((u_places.with(&u), u_places.columns()), (v_places.with(&v), v_places.columns()))?;
        let x = (x_places.with(&x), x_places.columns());
        Update::query(&update, level, T::ONE, x, MatMut::new(&mut z, N, OUTPUTS)?, &mut room)?;
        update.transposed_query(level, g_places.with(&g), x.0.support(), &mut e, &mut room)?;
        update.fold_sparse(&mut PanelsMut::packed(&mut w, INPUTS, OUTPUTS)?)?;
        update.fold_dense(level, &mut PanelsMut::packed(&mut w, INPUTS, OUTPUTS)?, &mut room)?;
        assert!(Panels::row_major(&z, N, OUTPUTS)?.rows() == N);
        let _ = cheapest(Situation { samples: N, outputs: 1, width: OUTPUTS, fired: 0.1, passes: 2 });
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn layers_allocate_nothing() {
    for level in levels() {
        panels::<f32>(level);
        panels::<f64>(level);
        panels::<Bf16x2>(level);
        layers::<f32>(level);
        layers::<f64>(level);
        updates::<f32>(level);
        updates::<f64>(level);
    }
}
