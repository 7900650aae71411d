//! Which neurons fire: every structure against the fused scan, Gaussian weights, queries of length 1.

use std::hint::black_box;

use subquad::halfspace::{self, BallTree, Hits, Packed, Reporter, Rotated, Screened, scan, scan_scratch_len};
use subquad::{Level, MatRef};

use super::kernels::gaussian;
use super::{Limit, Row, Runner};
use crate::Failure;

const QUERIES: usize = 256;
/// Shares of neurons that fire, and the thresholds that they belong to.
const SHARES: [(&str, f64, f32); 3] = [("0.1 %", 0.001, 3.0902), ("2 %", 0.02, 2.0537), ("10 %", 0.1, 1.2816)];

pub fn run(bench: &mut Runner<'_>, level: Level) -> Result<(), Failure> {
    for (m, d) in [(1 << 18, 8), (1 << 16, 16), (1 << 16, 64), (1 << 16, 256)] {
        let w = gaussian(m * d, 1);
        let mut x = gaussian(QUERIES * d, 2);
        for row in x.chunks_exact_mut(d) {
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.iter_mut().for_each(|x| *x /= norm);
        }
        let (w, x) = (MatRef::new(&w, m, d)?, MatRef::new(&x, QUERIES, d)?);
        let room_for = |bytes: usize| vec![0u64; bytes.div_ceil(8)];
        let mut memory = (
            room_for(Packed::<&[u8], f32>::storage_len(m, d)),
            room_for(Screened::<&[u8], f32>::storage_len(m, d)),
            room_for(BallTree::<&[u8], f32>::storage_len(m, d)),
            room_for(Rotated::<&[u8], f32>::storage_len(m, d)),
        );
        let mut scratch = vec![0.0; BallTree::<&[u8], f32>::build_scratch_len(m, d)];
        let packed = Packed::build(w, bytemuck::cast_slice_mut(&mut memory.0))?;
        let screened = Screened::build(w, bytemuck::cast_slice_mut(&mut memory.1))?;
        let tree = BallTree::build(w, bytemuck::cast_slice_mut(&mut memory.2), &mut scratch)?;
        let rotated = Rotated::build(level, w, 1, bytemuck::cast_slice_mut::<u64, u8>(&mut memory.3))?;
        let peak = halfspace::peak(w);
        let all: [(&str, halfspace::Structure, &dyn Reporter<f32>); 4] = [
            ("packed", halfspace::Structure::Packed, &packed),
            ("screened", halfspace::Structure::Screened, &screened),
            ("rotated", halfspace::Structure::Rotated, &rotated),
            ("ball tree", halfspace::Structure::BallTree, &tree),
        ];
        let need = all.iter().map(|index| index.2.scratch_len()).max().unwrap_or(0).max(scan_scratch_len(d, m));
        scratch.resize(scratch.len().max(need), 0.0);
        let room = m / 4;
        let (mut counts, mut indices) = (vec![0; QUERIES], vec![0; QUERIES * room]);
        let mut right = vec![Vec::new(); QUERIES];
        for (share, fired, b) in SHARES {
            for n in [1, QUERIES] {
                let x = x.row_range(0, n);
                let mut hits = Hits::new(&mut counts[..n], &mut indices[..n * room], room)?;
                let case = |name: &str| format!("{name}, {n} x 2^{} x {d}, {share}", m.ilog2());
                let amount = 2.0 * (n * m * d) as f64;
                let base = bench.time(|| {
                    let _ = scan(level, w, black_box(x), b, &mut hits, &mut scratch);
                });
                for (i, right) in right.iter_mut().enumerate().take(n) {
                    right.clear();
                    right.extend_from_slice(hits.indices(i));
                }
                let row = |name: &str, seconds: f64| Row {
                    kernel: "halfspace",
                    case: case(name),
                    level,
                    seconds,
                    rate: amount / seconds,
                    unit: "Gflop/s",
                    limit: Limit::Scan,
                    share: base / seconds,
                };
                bench.row(row("scan", base));
                let auto = halfspace::auto(halfspace::Workload { m, d, n, fired, drift: None, reuse: 100, peak });
                for (name, structure, index) in all {
                    index.query_batch(level, x, b, &mut hits, &mut scratch)?;
                    if (0..n).any(|i| hits.indices(i) != right[i]) {
                        return Err(Failure::Fault(format!("{name} at level {level} and the scan disagree; please report this")));
                    }
                    let seconds = bench.time(|| {
                        let _ = index.query_batch(level, black_box(x), b, &mut hits, &mut scratch);
                    });
                    let name = if structure == auto { format!("{name} (auto)") } else { name.to_string() };
                    bench.row(row(&name, seconds));
                }
            }
        }
    }
    Ok(())
}
