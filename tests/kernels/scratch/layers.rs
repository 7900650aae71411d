//! Scratch of networks on what fires: lists of neurons, sparse layers, low-rank updates.

use super::{bits, proves};
use crate::oracle::{Places, levels, numbers, signs};
use subquad::low_rank::Update;
use subquad::relu::deep::{self, Structured, Weights};
use subquad::relu::{FiredRef, fired};
use subquad::simd::{Bf16x2, Float, Stored};
use subquad::sparse::{self, Panels, PanelsMut, panels_len};
use subquad::{Level, MatMut, MatRef, Real};

fn on_what_fires<T: Float>(level: Level) {
    for (n, d, m, c) in [(1, 1, 1, 1), (37, 11, 130, 3), (20, 70, 9, 1), (4, 0, 7, 1), (3, 2, 0, 1)] {
        let (x, w, a, u) = (numbers::<T>(n * d, 1), numbers::<T>(m * d, 2), signs::<T>(c * m, 3), numbers::<T>(n * c, 4));
        let (x, w) = (MatRef::new(&x, n, d).unwrap(), MatRef::new(&w, m, d).unwrap());
        let (a, u) = (MatRef::new(&a, c, m).unwrap(), MatRef::new(&u, n, c).unwrap());
        let places = Places::new(m, n, 5);
        let values = places.numbers::<T>(1, 6);
        let lists = FiredRef::new(places.support().starts(), places.support().indices(), &values, n).unwrap();
        for g in 0..fired::groups(d, m) {
            proves("fired: outputs", fired::outputs_scratch_len(n, d, m, c), |s: &mut [T]| {
                let mut f = vec![T::ZERO; n * c];
                fired::outputs_of_group(level, lists, a, d, g, T::ZERO, MatMut::new(&mut f, n, c).unwrap(), s).map(|()| bits(&f))
            });
        }
        let need = fired::descend_scratch_len(d, c);
        proves("fired: descend", need, |s: &mut [T]| {
            let (mut down, mut moved) = (vec![T::ONE; m * d], vec![T::ZERO; m]);
            fired::descend(level, x, a, lists, u, T::ONE, 0, MatMut::new(&mut down, m, d).unwrap(), &mut moved, s)?;
            Ok([bits(&down), bits(&moved)].concat())
        });
        proves("fired: gram_product", need, |s: &mut [T]| {
            let mut f = vec![T::ZERO; n * c];
            fired::gram_product(level, x, a, lists, u, 0, m, MatMut::new(&mut f, n, c).unwrap(), s).map(|()| bits(&f))
        });
        proves("fired: input_gradient", need, |s: &mut [T]| {
            let mut h = vec![T::ZERO; n * d];
            fired::input_gradient(level, w, a, lists, u, MatMut::new(&mut h, n, d).unwrap(), s).map(|()| bits(&h))
        });
    }
}

/// A layer of the shape, forward on sparse rows and backward with gradients of a depth.
fn layer<T: Float>(level: Level, weights: &impl Weights<T>, n: usize, depth: usize) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let (h_places, g_places) = (Places::new(n, inputs, 1), Places::new(n, outputs, 2));
    let (h, g) = (h_places.numbers::<T>(1, 3), g_places.numbers::<T>(depth, 4));
    let (h, g) = ((h_places.with(&h), h_places.columns()), g_places.with(&g));
    proves("Weights: forward", weights.forward_scratch_len(h.1.len()), |s: &mut [T]| {
        let mut z = vec![T::ZERO; n * outputs];
        Weights::forward(weights, level, h, MatMut::new(&mut z, n, outputs).unwrap(), s).map(|()| bits(&z))
    });
    let below = h.0.support();
    proves("Weights: backward", weights.backward_scratch_len(depth, g.support().longest(), below.longest()), |s: &mut [T]| {
        let mut e = vec![T::ZERO; below.len() * depth];
        Weights::backward(weights, level, g, below, &mut e, s).map(|()| bits(&e))
    });
}

fn panels<E: Stored>(level: Level) {
    // The second one has more samples and more columns than pass together.
    for (n, inputs, outputs, depth) in [(9, 40, 100, 2), (260, 7, 70, 1), (3, 600, 5, 16)] {
        let wide = numbers::<E::Number>(inputs * outputs, 5);
        let mut stored = vec![E::zeroed(); panels_len(inputs, outputs) / E::COLUMNS];
        sparse::pack(MatRef::new(&wide, inputs, outputs).unwrap(), &mut stored).unwrap();
        let b = Panels::packed(&stored, inputs, outputs).unwrap();
        layer(level, &b, n, depth);
        let (above, below) = (Places::new(n, outputs, 6), Places::new(n, inputs, 7));
        let (g, below) = (above.numbers::<E::Number>(depth, 8), below.support());
        let g = above.with(&g);
        let need = deep::backward_panels_scratch_len(depth, g.support().longest(), below.longest());
        proves("backward_panels", need, |s: &mut [E::Number]| {
            let mut e = vec![E::Number::ZERO; below.len() * depth];
            deep::backward_panels(level, g, b, below, &mut e, s).map(|()| bits(&e))
        });
        let places = Places::new(inputs, 30, 9);
        let u = places.numbers::<E::Number>(1, 10);
        proves("spread", sparse::spread_scratch_len(u.len()), |s: &mut [E::Number]| {
            let mut z = vec![E::Number::ONE; outputs * 30];
            let to = MatMut::new(&mut z, outputs, 30).unwrap();
            sparse::spread(level, E::Number::ONE, places.with(&u), places.columns(), b, to, s).map(|()| bits(&z))
        });
    }
}

fn products<T: Float>(level: Level) {
    for depth in [1, 3] {
        layer::<T>(level, &Structured::new(300, 40, 7).unwrap(), 5, depth);
    }
    for (n, m, depth) in [(1, 1, 1), (9, 40, 2), (33, 100, 1)] {
        let (places, others) = (Places::new(n, m, 1), Places::new(n + 4, m, 2));
        let (a, b) = (places.numbers::<T>(depth, 3), others.numbers::<T>(depth, 4));
        let (a, b) = ((places.with(&a), places.columns()), (others.with(&b), others.columns()));
        proves("overlap", sparse::overlap_scratch_len(depth, n, n + 4), |s: &mut [T]| {
            let mut out = vec![T::ZERO; n * (n + 4)];
            sparse::overlap(level, a, b, false, MatMut::new(&mut out, n, n + 4).unwrap(), s).map(|()| bits(&out))
        });
        proves("overlap: symmetric", sparse::overlap_scratch_len(depth, n, n), |s: &mut [T]| {
            let mut out = vec![T::ZERO; n * n];
            sparse::overlap(level, a, a, true, MatMut::new(&mut out, n, n).unwrap(), s).map(|()| bits(&out))
        });
        let (p, u) = (numbers::<T>(n * n, 5), numbers::<T>(n * depth, 6));
        let (p, u) = (MatRef::new(&p, n, n).unwrap(), MatRef::new(&u, n, depth).unwrap());
        proves("deep: gram_product", deep::gram_product_scratch_len(a.1.len(), a.1.longest()), |s: &mut [T]| {
            let mut out = vec![T::ZERO; n * depth];
            deep::gram_product(level, a.0, a.1, p, u, MatMut::new(&mut out, n, depth).unwrap(), s).map(|()| bits(&out))
        });
    }
}

fn updates<T: Float>(level: Level) {
    for (rank, n, inputs, outputs, depth) in [(1, 1, 1, 1, 1), (5, 9, 40, 100, 2), (12, 3, 150, 70, 16)] {
        let (u_places, v_places) = (Places::new(rank, outputs, 1), Places::new(rank, inputs, 2));
        let (x_places, g_places) = (Places::new(n, inputs, 3), Places::new(n, outputs, 4));
        let (u, v) = (u_places.numbers::<T>(1, 5), v_places.numbers::<T>(1, 6));
        let (x, g) = (x_places.numbers::<T>(1, 7), g_places.numbers::<T>(depth, 8));
        let (x, g) = ((x_places.with(&x), x_places.columns()), g_places.with(&g));
        let update = Update::new((u_places.with(&u), u_places.columns()), (v_places.with(&v), v_places.columns())).unwrap();
        proves("Update: query", update.query_scratch_len(n), |s: &mut [T]| {
            let mut z = vec![T::ONE; n * outputs];
            Update::query(&update, level, T::ONE, x, MatMut::new(&mut z, n, outputs).unwrap(), s).map(|()| bits(&z))
        });
        proves("Update: transposed_query", update.transposed_query_scratch_len(g.depth()), |s: &mut [T]| {
            let mut e = vec![T::ONE; g.depth() * x.0.support().len()];
            update.transposed_query(level, g, x.0.support(), &mut e, s).map(|()| bits(&e))
        });
        proves("Update: fold_dense", update.fold_dense_scratch_len(), |s: &mut [T]| {
            let mut w = vec![T::ONE; panels_len(inputs, outputs)];
            update.fold_dense(level, &mut PanelsMut::packed(&mut w, inputs, outputs).unwrap(), s).map(|()| bits(&w))
        });
    }
}

#[test]
fn scratch_of_layers() {
    for level in levels() {
        on_what_fires::<f32>(level);
        on_what_fires::<f64>(level);
        panels::<f32>(level);
        panels::<f64>(level);
        panels::<Bf16x2>(level);
        products::<f32>(level);
        products::<f64>(level);
        updates::<f32>(level);
        updates::<f64>(level);
    }
}
