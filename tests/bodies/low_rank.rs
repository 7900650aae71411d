//! Low-rank updates of a matrix.

use super::source::{Source, is_wide};
use super::sparse_case::Sparse;
use subquad::low_rank::Update;
use subquad::simd::Float;
use subquad::sparse::{Panels, PanelsMut, SparseRef, panels_len};
use subquad::{Level, MatMut};

/// What a low-rank update adds, by the definition; both ways to fold it agree; columns that lie are no panic.
pub fn low_rank(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (rank, n, outs, ins) = (source.below(6), source.below(9), source.below(50), source.below(50));
    let wild = source.byte().is_multiple_of(4);
    let u = Sparse::<T>::take(&mut source, rank, outs, 1, wild);
    let v = Sparse::take(&mut source, rank, ins, 1, wild);
    let x = Sparse::take(&mut source, n, ins, 1, wild);
    let g = Sparse::take(&mut source, n, outs, 2, wild);
    let update = Update::new(u.get(), v.get()).expect("shapes fit");
    let (of_u, of_v, of_x, of_g) = (u.dense(0), v.dense(0), x.dense(0), [g.dense(0), g.dense(1)]);
    let term = |j: usize, r: usize| -> f64 { (0..rank).map(|f| of_v[f * ins + j] * of_u[f * outs + r]).sum() };
    let terms: Vec<f64> = (0..ins * outs).map(|at| term(at / outs, at % outs)).collect();
    for level in Level::available() {
        let mut z = vec![T::ONE; n * outs];
        let mut scratch = vec![T::from_f64(f64::NAN); update.query_scratch_len(n)];
        let done = update.query(level, T::from_f64(2.0), x.get(), MatMut::new(&mut z, n, outs).expect("fits"), &mut scratch);
        let mut e = vec![T::ONE; 2 * x.support().len()];
        let mut scratch = vec![T::from_f64(f64::NAN); update.transposed_query_scratch_len(2)];
        let back = update.transposed_query(level, g.get().0, x.support(), &mut e, &mut scratch);
        let (mut a, mut b) = (vec![T::ZERO; panels_len(ins, outs)], vec![T::ZERO; panels_len(ins, outs)]);
        update.fold_sparse(&mut PanelsMut::packed(&mut a, ins, outs).expect("fits")).expect("shapes fit");
        let mut scratch = vec![T::from_f64(f64::NAN); update.fold_dense_scratch_len()];
        update.fold_dense(level, &mut PanelsMut::packed(&mut b, ins, outs).expect("fits"), &mut scratch).expect("shapes fit");
        if wild {
            continue;
        }
        done.expect("shapes fit");
        back.expect("shapes fit");
        let (a, b) = (Panels::packed(&a, ins, outs).expect("fits"), Panels::packed(&b, ins, outs).expect("fits"));
        for (j, r) in (0..ins).flat_map(|j| (0..outs).map(move |r| (j, r))) {
            let wanted = Some(T::from_f64(terms[j * outs + r]));
            assert!(a.get(j, r) == wanted && b.get(j, r) == wanted, "{level}: ({j}, {r}) of the update");
        }
        for (i, r) in (0..n).flat_map(|i| (0..outs).map(move |r| (i, r))) {
            let wanted = 1.0 + 2.0 * (0..ins).map(|j| of_x[i * ins + j] * terms[j * outs + r]).sum::<f64>();
            assert_eq!(z[i * outs + r].to_f64(), wanted, "{level}: ({i}, {r}) of a query");
        }
        let e = SparseRef::new(x.support(), 2, &e).expect("as many as there are");
        for (i, c) in (0..n).flat_map(|i| [(i, 0), (i, 1)]) {
            for (&j, &found) in x.support().row(i).iter().zip(e.row(i, c)) {
                let wanted = 1.0 + (0..outs).map(|r| of_g[c][i * outs + r] * terms[j as usize * outs + r]).sum::<f64>();
                assert_eq!(found.to_f64(), wanted, "{level}: ({i}, {c}, {j}) of a transposed query");
            }
        }
    }
}
