//! Sketches of vectors and of products.

use super::source::{Kind, Source, is_wide};
use super::streams::{bucket, hadamard_rows};
use subquad::Level;
use subquad::simd::Float;
use subquad::sketch::{Srht, TensorSketch, TensorSrht};

/// Sketches: the same bits at every level where they are promised, and of exact numbers what the definition says.
pub fn sketch(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (left, right, rows) = (source.below(60), source.below(60), source.below(70));
    let seed = u64::from(source.u32());
    let kind = source.kind();
    let any = kind == Kind::Any;
    let (u, v) = (source.numbers::<T>(left, kind), source.numbers::<T>(right, kind));
    let bits = |x: &T| x.to_f64().to_bits();
    let same = |a: &[T], b: &[T]| a.iter().zip(b).all(|(a, b)| bits(a) == bits(b) || a.is_nan() && b.is_nan());
    let size = |x: &[T]| x.iter().map(|x| x.abs().to_f64()).sum::<f64>();
    let hashed = TensorSketch::new((left, right), rows.next_power_of_two(), seed).expect("a power of two");
    let mut first: Option<(Vec<T>, Vec<T>)> = None;
    for level in Level::available() {
        let mut y = vec![T::ZERO; rows];
        let srht = Srht::new(left, rows, seed).expect("short");
        srht.accumulate(level, &u, &mut y, &mut vec![T::from_f64(f64::NAN); srht.scratch_len()]).expect("lengths fit");
        let mut z = vec![T::ZERO; rows];
        let tensor = TensorSrht::new((left, right), rows, seed).expect("short");
        tensor.accumulate(level, &u, &v, &mut z, &mut vec![T::from_f64(f64::NAN); tensor.scratch_len()]).expect("lengths fit");
        let (y0, z0) = first.get_or_insert_with(|| (y.clone(), z.clone()));
        assert!(same(&y, y0) && same(&z, z0), "{level}: {left} x {right} by {rows}");

        let mut t = vec![T::ZERO; hashed.rows()];
        hashed.accumulate(level, &u[..], &v[..], &mut t, &mut vec![T::from_f64(f64::NAN); hashed.scratch_len()]).expect("lengths fit");
        if !any {
            let mut wanted = vec![0.0f64; t.len()];
            for (&x, (h, f)) in u.iter().zip((0..).map(|i| bucket(i, t.len(), seed, 0))) {
                for (&y, (g, e)) in v.iter().zip((0..).map(|i| bucket(i, t.len(), seed, 1))) {
                    wanted[(h + g) % t.len()] += f * x.to_f64() * e * y.to_f64();
                }
            }
            // Rounding of a convolution is relative to the whole.
            let allowed = 84.0 * T::EPSILON.to_f64() * size(&u) * size(&v);
            let close = t.iter().zip(&wanted).all(|(&t, wanted)| (t.to_f64() - wanted).abs() <= allowed);
            assert!(close, "{level}: {left} x {right} hashed to {}: {t:?}, should be {wanted:?}", t.len());
        }
    }
    let Some((y, z)) = first.filter(|_| !any) else { return };
    let scale = 1.0 / (rows.max(1) as f64).sqrt();
    let wide = |x: &[T]| x.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
    let (of_u, of_v) = (hadamard_rows(&wide(&u), rows, seed, 0), hadamard_rows(&wide(&v), rows, seed, 2));
    for j in 0..rows {
        let (wanted, both) = (scale * of_u[j], scale * of_u[j] * of_v[j]);
        assert!((y[j].to_f64() - wanted).abs() <= 8.4 * T::EPSILON.to_f64() * size(&u), "row {j} of {rows}: {}, should be {wanted}", y[j]);
        assert!(
            (z[j].to_f64() - both).abs() <= 8.4 * T::EPSILON.to_f64() * size(&u) * size(&v),
            "row {j} of {rows}: {}, should be {both}",
            z[j]
        );
    }
}
