//! Sketches of vectors and of products.

use super::source::Source;
use super::streams::{bucket, hadamard_rows};
use subquad::Level;
use subquad::sketch::{Srht, TensorSketch, TensorSrht};

/// Sketches: the same bits at every level where they are promised, and of exact numbers what the definition says.
pub fn sketch(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (left, right, rows) = (source.below(60), source.below(60), source.below(70));
    let seed = u64::from(source.u32());
    let any = source.byte().is_multiple_of(2);
    let (u, v) = (source.floats(left, any), source.floats(right, any));
    let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
    let size = |x: &[f32]| x.iter().map(|x| f64::from(x.abs())).sum::<f64>();
    let hashed = TensorSketch::new((left, right), rows.next_power_of_two(), seed).expect("a power of two");
    let mut first: Option<(Vec<f32>, Vec<f32>)> = None;
    for level in Level::available() {
        let mut y = vec![0.0f32; rows];
        let srht = Srht::new(left, rows, seed).expect("short");
        srht.accumulate(level, &u, &mut y, &mut vec![f32::NAN; srht.scratch_len()]).expect("lengths fit");
        let mut z = vec![0.0f32; rows];
        let tensor = TensorSrht::new((left, right), rows, seed).expect("short");
        tensor.accumulate(level, &u, &v, &mut z, &mut vec![f32::NAN; tensor.scratch_len()]).expect("lengths fit");
        let (y0, z0) = first.get_or_insert_with(|| (y.clone(), z.clone()));
        assert!(same(&y, y0) && same(&z, z0), "{level}: {left} x {right} by {rows}");

        let mut t = vec![0.0f32; hashed.rows()];
        hashed.accumulate(level, &u[..], &v[..], &mut t, &mut vec![f32::NAN; hashed.scratch_len()]).expect("lengths fit");
        if !any {
            let mut wanted = vec![0.0f64; t.len()];
            for (&x, (h, f)) in u.iter().zip((0..).map(|i| bucket(i, t.len(), seed, 0))) {
                for (&y, (g, e)) in v.iter().zip((0..).map(|i| bucket(i, t.len(), seed, 1))) {
                    wanted[(h + g) % t.len()] += f * f64::from(x) * e * f64::from(y);
                }
            }
            // Rounding of a convolution is relative to the whole.
            let allowed = 1e-5 * size(&u) * size(&v);
            let close = t.iter().zip(&wanted).all(|(&t, wanted)| (f64::from(t) - wanted).abs() <= allowed);
            assert!(close, "{level}: {left} x {right} hashed to {}: {t:?}, should be {wanted:?}", t.len());
        }
    }
    let Some((y, z)) = first.filter(|_| !any) else { return };
    let scale = 1.0 / (rows.max(1) as f64).sqrt();
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let (of_u, of_v) = (hadamard_rows(&wide(&u), rows, seed, 0), hadamard_rows(&wide(&v), rows, seed, 2));
    for j in 0..rows {
        let (wanted, both) = (scale * of_u[j], scale * of_u[j] * of_v[j]);
        assert!((f64::from(y[j]) - wanted).abs() <= 1e-6 * size(&u), "row {j} of {rows}: {}, should be {wanted}", y[j]);
        assert!((f64::from(z[j]) - both).abs() <= 1e-6 * size(&u) * size(&v), "row {j} of {rows}: {}, should be {both}", z[j]);
    }
}
