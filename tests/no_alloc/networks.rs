//! The two-layer network: dense, by its patterns, and on the neurons that fire.

use crate::armed;
use crate::oracle::{levels, numbers, signs};
use subquad::cg::{self, Identity, LeastSquaresStopping, Stopping};
use subquad::relu::{FiredRef, PatternMut, PatternRef, Tangents, fired, gram, pattern, two_layer};
use subquad::simd::Float;
use subquad::{Error, Level, MatMut, MatRef};

fn dense<T: Float>(level: Level) {
    let (n, d, m, c) = (37, 11, 130, 3);
    let (x, w, a, u) = (numbers::<T>(n * d, 1), numbers::<T>(m * d, 2), signs::<T>(c * m, 3), numbers::<T>(n * c, 4));
    let mut words = vec![0; pattern::pattern_len(n, m)];
    let (mut f, mut g, mut k) = (vec![T::ZERO; n * c], vec![T::ZERO; m * d], vec![T::ZERO; n * n]);
    let mut room = vec![T::ZERO; 1 << 17];
    armed(|| {
        let (x, w, a, u) = (MatRef::new(&x, n, d)?, MatRef::new(&w, m, d)?, MatRef::new(&a, c, m)?, MatRef::new(&u, n, c)?);
        let mut pattern = PatternMut::new(&mut words, n, m)?;
        pattern.clear();
        two_layer::forward(level, x, w, a, T::ZERO, Some(pattern), MatMut::new(&mut f, n, c)?, &mut room)?;
        two_layer::forward(level, x, w, a, T::ZERO, None, MatMut::new(&mut f, n, c)?, &mut room)?;
        let pattern = PatternRef::new(&words, n, m)?;
        assert!(PatternRef::count(&pattern, level) > 0 && PatternRef::overlap(&pattern, level, 1, 1) > 0);
        assert!(pattern.flips(level, pattern)? == 0 && (0..m).any(|r| pattern.fires(3, r)) && pattern.sample(3).len() == 3);
        two_layer::jvp(level, x, a, pattern, w, MatMut::new(&mut f, n, c)?, &mut room)?;
        two_layer::vjp(level, x, a, pattern, u, MatMut::new(&mut g, m, d)?, &mut room)?;
        two_layer::vjp_rows(level, x, a, pattern, u, 64, MatMut::new(&mut g[..5 * d], 5, d)?, &mut room)?;
        two_layer::gram_product(level, x, a, pattern, u, MatMut::new(&mut f, n, c)?, &mut room)?;
        gram::overlaps(level, pattern, MatMut::new(&mut k, n, n)?)?;
        gram::analytic_gram(level, x, T::ONE, MatMut::new(&mut k, n, n)?, &mut room)?;
        gram::gram(level, x, pattern, MatMut::new(&mut k, n, n)?, &mut room)?;
        let tangents = Tangents::new(x, a, pattern, T::ONE)?;
        let stopping = LeastSquaresStopping { relative: 1e-2, gradient: 1e-2, max_iterations: 9 };
        let b = u.data();
        cg::least_squares(level, &tangents, b, 1.0, &mut g, stopping, &mut room)?;
        let stopping = Stopping { relative: 1e-2, absolute: 0.0, max_iterations: 9 };
        cg::conjugate_gradient(level, &tangents, &Identity, b, &mut f, stopping, &mut room).map(drop)
    })
    .unwrap();
}

fn on_what_fires<T: Float>(level: Level) {
    let (n, d, m) = (37, 11, 130);
    for c in [1, 3] {
        let (x, w, a, u) = (numbers::<T>(n * d, 1), numbers::<T>(m * d, 2), signs::<T>(c * m, 3), numbers::<T>(n * c, 4));
        let all: Vec<u32> = (0..n as u32).collect();
        let (starts, samples): (Vec<usize>, Vec<u32>) = ((0..=m).map(|r| r * n).collect(), all.repeat(m));
        let mut values = vec![T::ZERO; m * n];
        let (mut f, mut down, mut moved, mut inputs) = (vec![T::ZERO; n * c], vec![T::ZERO; m * d], vec![T::ZERO; m], vec![T::ZERO; n * d]);
        let mut room = vec![T::ZERO; fired::outputs_scratch_len(n, d, m, c) + fired::descend_scratch_len(d, c)];
        armed(|| {
            let (x, w, a, u) = (MatRef::new(&x, n, d)?, MatRef::new(&w, m, d)?, MatRef::new(&a, c, m)?, MatRef::new(&u, n, c)?);
            for (r, to) in values.chunks_mut(n).enumerate() {
                fired::values(level, x, MatRef::row(&w, r).unwrap_or_default(), &all, to)?;
            }
            let lists = FiredRef::new(&starts, &samples, &values, n)?;
            assert!(lists.of(m - 1).0.len() == n);
            fired::outputs_of_group(level, lists, a, d, 0, T::ZERO, MatMut::new(&mut f, n, c)?, &mut room)?;
            fired::descend(level, x, a, lists, u, T::ONE, 0, MatMut::new(&mut down, m, d)?, &mut moved, &mut room)?;
            fired::gram_product(level, x, a, lists, u, 0, m, MatMut::new(&mut f, n, c)?, &mut room)?;
            fired::input_gradient(level, w, a, lists, u, MatMut::new(&mut inputs, n, d)?, &mut room)?;
            Ok::<(), Error>(())
        })
        .unwrap();
    }
}

#[test]
fn networks_allocate_nothing() {
    for level in levels() {
        dense::<f32>(level);
        dense::<f64>(level);
        on_what_fires::<f32>(level);
        on_what_fires::<f64>(level);
    }
}
