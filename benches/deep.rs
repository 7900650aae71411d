//! Deep networks: a step against the same step done densely, and how each part of it grows with the width.
//!
//! `cargo bench --features cli --bench deep -- step | exponents [log2 m] | structured [log2 m] | dense [log2 m] [--svg FILE] | samples | inputs`
//!
//! `samples` and `inputs` vary n and d instead of m, sparse and dense, at m = 2048. `--svg` draws exponents, with the dense step next to them. Without the feature `io` matrices lie in small pages, and passes take longer.
//!
//! Times are wall times of one thread, the smallest of a few rounds, in milliseconds; operations are counted
//! multiply-adds. Handwritten digits, n = 256, ten outputs, shift b = sqrt(0.4 ln m), W_2 .. W_L trained. Where d varies, the digits' 64
//! numbers are turned into d others by a random matrix.

use std::time::Instant;

use subquad::low_rank::Flush;
use subquad::relu::deep::paper_shift;
use subquad::train::{Deep, Firing, FirstWeights, FlushPolicy, Phase, Work};
use subquad::{Level, MatMut, MatRef, blas};

mod common;

const SAMPLES: usize = 256;
const PIXELS: usize = 64;
const OUTPUTS: usize = 10;

struct Data {
    /// Samples.
    n: usize,
    /// Inputs, with a constant one.
    d: usize,
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Data {
    /// The first n digits, as they are or turned into `turned` numbers each.
    fn load(n: usize, turned: Option<usize>) -> Self {
        let text = include_str!("../src/bin/subquad/digits.csv");
        let rows: Vec<Vec<f32>> =
            text.lines().skip(1).take(n).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
        assert_eq!(rows.len(), n);
        let mean: Vec<f32> = (0..PIXELS).map(|k| rows.iter().map(|row| row[k]).sum::<f32>() / n as f32).collect();
        let matrix = turned.map(|inputs| common::gaussian::<f32>(inputs * PIXELS, 7));
        let mut data = Self { n, d: turned.unwrap_or(PIXELS) + 1, x: vec![], y: vec![] };
        for row in &rows {
            let centred: Vec<f32> = row[..PIXELS].iter().zip(&mean).map(|(x, m)| x - m).collect();
            let inputs: Vec<f32> = match &matrix {
                None => centred,
                Some(matrix) => matrix.chunks_exact(PIXELS).map(|a| a.iter().zip(&centred).map(|(a, x)| a * x).sum()).collect(),
            };
            let norm = inputs.iter().map(|x| x * x).sum::<f32>().sqrt();
            data.x.extend(inputs.iter().map(|x| x * 0.91f32.sqrt() / norm));
            data.x.push(0.3);
            data.y.extend((0..OUTPUTS).map(|c| f32::from(u8::from(c == row[PIXELS] as usize))));
        }
        data
    }
    fn x(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.x, self.n, self.d).unwrap()
    }
    fn y(&self) -> MatRef<'_, f32> {
        MatRef::new(&self.y, self.n, OUTPUTS).unwrap()
    }
}

/// The parts of a step, in order, with their names.
fn parts(phase: &Phase) -> [(&'static str, Work); 5] {
    [("forward", phase.forward), ("backward", phase.backward), ("gram", phase.gram), ("product", phase.product), ("update", phase.update)]
}

fn total(phase: &Phase) -> Work {
    parts(phase)
        .iter()
        .fold(Work::default(), |sum, (_, work)| Work { seconds: sum.seconds + work.seconds, operations: sum.operations + work.operations })
}

/// What a run does: its first pass, its cheapest step, products of that step, steps to 1e-6 and their time.
struct Run {
    drawn: f64,
    first: Work,
    step: Phase,
    products: usize,
    /// All steps, with their products.
    steps: Vec<(Phase, usize)>,
    seconds: f64,
    /// Processor time of all steps.
    cpu: f64,
    fired: f64,
}

/// Time that the processor has spent on this thread, where the system says so: on a busy machine wall times are those of other programs.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse::<f64>().ok()).map_or(0.0, |nanoseconds| 1e-9 * nanoseconds)
}

/// From the environment, for comparisons: `FLUSH=never`, `sparse` or `dense`.
fn flush() -> FlushPolicy {
    match std::env::var("FLUSH").as_deref() {
        Ok("never") => FlushPolicy::Always(Flush::Never),
        Ok("sparse") => FlushPolicy::Always(Flush::Sparse),
        Ok("dense") => FlushPolicy::Always(Flush::Dense),
        _ => FlushPolicy::Auto,
    }
}

fn sparse(data: &Data, layers: usize, m: usize, weights: FirstWeights, rounds: usize) -> Run {
    let mut best: Option<Run> = None;
    for _ in 0..rounds {
        let begun = Instant::now();
        let builder = Deep::builder().layers(layers).width(m).firing(Firing::Shift(paper_shift(m))).weights(weights).flush(flush());
        let mut run = builder.build(data.x(), data.y()).unwrap();
        let built = begun.elapsed().as_secs_f64();
        let first = run.first_pass_work();
        let (begun, cpu) = (Instant::now(), cpu_seconds());
        let mut all = vec![];
        while let Some(step) = run.step().unwrap() {
            all.push((run.phases(), step.cg_iterations));
        }
        let (seconds, cpu) = (begun.elapsed().as_secs_f64() + first.seconds, cpu_seconds() - cpu);
        let (step, products) = *all.iter().min_by(|a, b| total(&a.0).seconds.total_cmp(&total(&b.0).seconds)).expect("at least one step");
        let this = Run { drawn: built - first.seconds, first, step, products, steps: all, seconds, cpu, fired: run.fired() };
        assert!(run.train_mse() <= 1e-6, "m = {m}: stopped at {}", run.train_mse());
        if best.as_ref().is_none_or(|best| total(&this.step).seconds < total(&best.step).seconds) {
            best = Some(this);
        }
    }
    best.expect("at least one round")
}

/// The same step with dense matrices and the same kernels for their products.
struct Dense {
    layers: usize,
    m: usize,
    w1: Vec<f32>,
    w: Vec<Vec<f32>>,
    a: Vec<f32>,
    shift: f32,
}

impl Dense {
    fn new(data: &Data, layers: usize, m: usize) -> Self {
        let gauss = |len: usize, seed: u32| {
            // Not normal numbers, but as good for timing, and drawn in no time.
            let mut state = 0x9E37_79B9u32.wrapping_mul(seed + 1);
            (0..len)
                .map(|_| {
                    (0..3)
                        .map(|_| {
                            state ^= state << 13;
                            state ^= state >> 17;
                            state ^= state << 5;
                            state as i32 as f32 / 2147483648.0
                        })
                        .sum::<f32>()
                })
                .collect::<Vec<f32>>()
        };
        let a = gauss(OUTPUTS * m, 99).iter().map(|x| x.signum()).collect();
        Self {
            layers,
            m,
            w1: gauss(m * data.d, 0),
            w: (1..layers).map(|l| gauss(m * m, l as u32)).collect(),
            a,
            shift: paper_shift(m) as f32,
        }
    }

    fn step(&mut self, data: &Data, products: usize) -> Phase {
        let level = Level::detect();
        let (n, m, c) = (data.n, self.m, OUTPUTS);
        let mut scratch =
            vec![0.0f32; blas::gemm_scratch_len(n * c, m, m).max(blas::cholesky_scratch_len(n)).max(blas::syrk_scratch_len(n, m))];
        let mut phase = Phase::default();

        let begun = Instant::now();
        let mut hs: Vec<Vec<f32>> = vec![data.x.clone()];
        let mut norms = vec![];
        for l in 0..self.layers {
            let mut z = vec![0.0f32; n * m];
            let (w, d): (&[f32], usize) = if l == 0 { (&self.w1, data.d) } else { (&self.w[l - 1], m) };
            blas::gemm(level, 1.0, mat(&hs[l], n, d), mat(w, m, d).t(), 0.0, MatMut::new(&mut z, n, m).unwrap(), &mut scratch).unwrap();
            let mut norm = vec![0.0f32; n];
            for (row, norm) in z.chunks_exact_mut(m).zip(&mut norm) {
                row.iter_mut().for_each(|z| *z = (*z - self.shift).max(0.0));
                *norm = blas::norm_squared(level, row).sqrt().max(1e-20);
                blas::scale(level, 1.0 / *norm, row);
            }
            phase.forward.operations += (n * m * d) as u64;
            norms.push(norm);
            hs.push(z);
        }
        phase.forward.seconds = begun.elapsed().as_secs_f64();

        let begun = Instant::now();
        let mut gs: Vec<Vec<f32>> = vec![vec![]; self.layers];
        for l in (1..self.layers).rev() {
            let mut g = vec![0.0f32; n * c * m];
            if l + 1 == self.layers {
                g.chunks_exact_mut(c * m).for_each(|g| g.copy_from_slice(&self.a));
            } else {
                let (above, w) = (mat(&gs[l + 1], n * c, m), mat(&self.w[l], m, m));
                blas::gemm(level, 1.0, above, w, 0.0, MatMut::new(&mut g, n * c, m).unwrap(), &mut scratch).unwrap();
                phase.backward.operations += (n * c * m * m) as u64;
            }
            for (k, g) in g.chunks_exact_mut(m).enumerate() {
                let h = &hs[l + 1][k / c * m..][..m];
                g.iter_mut().zip(h).for_each(|(g, h)| *g = if *h > 0.0 { *g } else { 0.0 });
                let along = blas::dot(level, h, g).unwrap();
                blas::axpy(level, -along, h, g).unwrap();
                blas::scale(level, 1.0 / norms[l][k / c], g);
            }
            gs[l] = g;
        }
        phase.backward.seconds = begun.elapsed().as_secs_f64();

        let begun = Instant::now();
        let mut gram = vec![0.0f32; n * n];
        let mut ps = vec![vec![]; self.layers];
        for l in 1..self.layers {
            let (mut p, mut q) = (vec![0.0f32; n * n], vec![0.0f32; n * n]);
            blas::gemm(level, 1.0, mat(&hs[l], n, m), mat(&hs[l], n, m).t(), 0.0, MatMut::new(&mut p, n, n).unwrap(), &mut scratch)
                .unwrap();
            blas::syrk(level, 1.0, mat(&gs[l], n, c * m), 0.0, MatMut::new(&mut q, n, n).unwrap(), &mut scratch).unwrap();
            gram.iter_mut().zip(&p).zip(&q).for_each(|((k, p), q)| *k += p * q / c as f32);
            phase.gram.operations += (n * n * m + n * n / 2 * c * m) as u64;
            ps[l] = p;
        }
        (0..n).for_each(|i| gram[i * n + i] *= 1.001);
        blas::cholesky(level, MatMut::new(&mut gram, n, n).unwrap(), &mut scratch).unwrap();
        phase.gram.seconds = begun.elapsed().as_secs_f64();

        let begun = Instant::now();
        let mut u = data.y.clone();
        let mut s = vec![vec![0.0f32; n * m]; self.layers];
        for _ in 0..products {
            let mut out = vec![0.0f32; n * c];
            for l in 1..self.layers {
                for i in 0..n {
                    let s = &mut s[l][i * m..][..m];
                    s.fill(0.0);
                    for o in 0..c {
                        blas::axpy(level, u[i * c + o], &gs[l][(i * c + o) * m..][..m], s).unwrap();
                    }
                }
                let mut t = vec![0.0f32; n * m];
                blas::gemm(level, 1.0, mat(&ps[l], n, n), mat(&s[l], n, m), 0.0, MatMut::new(&mut t, n, m).unwrap(), &mut scratch).unwrap();
                for (k, out) in out.iter_mut().enumerate() {
                    *out += blas::dot(level, &gs[l][k * m..][..m], &t[k / c * m..][..m]).unwrap();
                }
                phase.product.operations += (2 * n * c * m + n * n * m) as u64;
            }
            u.iter_mut().zip(&out).for_each(|(u, x)| *u = 0.5 * *u + 1e-9 * x);
        }
        phase.product.seconds = begun.elapsed().as_secs_f64();

        let begun = Instant::now();
        for l in 1..self.layers {
            let (s, h) = (mat(&s[l], n, m), mat(&hs[l], n, m));
            blas::gemm(level, -1e-9, s.t(), h, 1.0, MatMut::new(&mut self.w[l - 1], m, m).unwrap(), &mut scratch).unwrap();
            phase.update.operations += (n * m * m) as u64;
        }
        phase.update.seconds = begun.elapsed().as_secs_f64();
        phase
    }
}

fn mat(x: &[f32], rows: usize, cols: usize) -> MatRef<'_, f32> {
    MatRef::new(x, rows, cols).unwrap()
}

fn row(what: &str, m: usize, fired: f64, first: Work, phase: &Phase, more: &str) {
    print!("{what:<20} {m:>7} {fired:>6.4} {:>9.2} {:>8.0}", 1e3 * first.seconds, first.operations as f64 / 1e6);
    for (_, work) in parts(phase) {
        print!(" {:>9.2} {:>8.1}", 1e3 * work.seconds, work.operations as f64 / 1e6);
    }
    let all = total(phase);
    println!(" {:>9.2} {:>9.1}  {more}", 1e3 * all.seconds, all.operations as f64 / 1e6);
}

fn header() {
    print!("{:<20} {:>7} {:>6} {:>9} {:>8}", "", "", "fired", "first ms", "M ops");
    for (name, _) in parts(&Phase::default()) {
        print!(" {name:>9} {:>8}", "M ops");
    }
    println!(" {:>9} {:>9}", "step ms", "M ops");
}

/// The exponent of m that fits best.
fn slope(points: &[(f64, f64)]) -> f64 {
    let points: Vec<(f64, f64)> = points.iter().filter(|(_, y)| *y > 0.0).map(|(x, y)| (x.ln(), y.ln())).collect();
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / points.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>()
}

fn exponents(what: &str, of: &str, rows: &[(usize, Work, Phase)]) {
    let fit = |of: &dyn Fn(&(usize, Work, Phase)) -> f64| slope(&rows.iter().map(|row| (row.0 as f64, of(row))).collect::<Vec<_>>());
    print!("{what}: exponents of {of}, time / operations:");
    // The dense form has no first pass of its own.
    if rows.iter().all(|row| row.1.operations > 0) {
        print!(" first pass {:.2} / {:.2},", fit(&|r| r.1.seconds), fit(&|r| r.1.operations as f64));
    }
    for k in 0..5 {
        let name = parts(&rows[0].2)[k].0;
        print!(" {name} {:.2} / {:.2},", fit(&|r| parts(&r.2)[k].1.seconds), fit(&|r| parts(&r.2)[k].1.operations as f64));
    }
    println!(" step {:.2} / {:.2}", fit(&|r| total(&r.2).seconds), fit(&|r| total(&r.2).operations as f64));
}

/// Widths of the dense step in a plot: 2^13 takes a minute for a step.
const MOST_DENSE: u32 = 12;

fn dense_rows(data: &Data, most: u32) -> Vec<(usize, Work, Phase)> {
    let mut rows = vec![];
    for m in (10..=most).map(|k| 1usize << k) {
        let mut dense = Dense::new(data, 3, m);
        let phase = (0..2).map(|_| dense.step(data, 4)).min_by(|a, b| total(a).seconds.total_cmp(&total(b).seconds)).unwrap();
        row("dense, L = 3", m, 1.0, Work::default(), &phase, "");
        rows.push((m, Work::default(), phase));
    }
    exponents("dense, L = 3", "m", &rows);
    rows
}

/// Two layers, three, and three densely, at m = 2048, for each of the data sets, which `of` tells apart.
fn against(mode: &str, of: &str, all: &[(usize, Data)]) {
    let m = 2048;
    for layers in [2, 3] {
        let what = format!("{mode}, L = {layers}");
        let mut rows = vec![];
        for (value, data) in all {
            let run = sparse(data, layers, m, FirstWeights::Gaussian, 3);
            row(&what, *value, run.fired, run.first, &run.step, &format!("{} products, {} steps", run.products, run.steps.len()));
            rows.push((*value, run.first, run.step));
        }
        exponents(&what, of, &rows);
    }
    let what = format!("{mode} dense, L = 3");
    let mut rows = vec![];
    for (value, data) in all {
        let mut dense = Dense::new(data, 3, m);
        let phase = (0..2).map(|_| dense.step(data, 4)).min_by(|a, b| total(a).seconds.total_cmp(&total(b).seconds)).unwrap();
        row(&what, *value, 1.0, Work::default(), &phase, "");
        rows.push((*value, Work::default(), phase));
    }
    exponents(&what, of, &rows);
}

/// Its name, and a row for each width: the first pass and the step.
type Table = (String, Vec<(usize, Work, Phase)>);

/// A plot for each table and each of time and operations, against the width, both in powers; exponents beside the names.
#[cfg(feature = "cli")]
fn draw(path: &str, tables: &[Table]) {
    use plotters::prelude::*;
    let root = SVGBackend::new(path, (1200, 480 * tables.len() as u32)).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let colours = [
        RGBColor(0, 0, 0),
        RGBColor(0, 114, 178),
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
        RGBColor(160, 130, 0),
        RGBColor(120, 120, 120),
    ];
    for (area, (what, rows)) in root.split_evenly((tables.len(), 1)).iter().zip(tables) {
        for (area, in_time) in area.split_evenly((1, 2)).iter().zip([true, false]) {
            let of = |work: Work| if in_time { 1e3 * work.seconds } else { work.operations as f64 / 1e6 };
            let mut series: Vec<(&str, Vec<(f64, f64)>)> =
                vec![("step", rows.iter().map(|(m, _, phase)| (*m as f64, of(total(phase)))).collect())];
            for k in 0..5 {
                series.push((parts(&rows[0].2)[k].0, rows.iter().map(|(m, _, phase)| (*m as f64, of(parts(phase)[k].1))).collect()));
            }
            series.push(("first pass", rows.iter().map(|(m, first, _)| (*m as f64, of(*first))).collect()));
            series.iter_mut().for_each(|(_, points)| points.retain(|point| point.1 > 0.0));
            series.retain(|(_, points)| !points.is_empty());
            let all = || series.iter().flat_map(|(_, points)| points.iter());
            let (least, most) = all().fold((f64::INFINITY, 0.0f64), |(a, b), point| (a.min(point.1), b.max(point.1)));
            let (from, to) = (rows[0].0 as f64, rows[rows.len() - 1].0 as f64);
            let title = format!("{what}: {}", if in_time { "time, ms" } else { "operations, millions" });
            let mut chart = ChartBuilder::on(area)
                .margin(12)
                .caption(title, ("sans-serif", 18))
                .x_label_area_size(36)
                .y_label_area_size(64)
                .build_cartesian_2d((from * 0.95..to * 1.05).log_scale().base(2.0), (least / 2.0..most * 8.0).log_scale())
                .unwrap();
            let mesh = &mut chart.configure_mesh();
            mesh.x_desc("width m")
                .light_line_style(WHITE.mix(0.0))
                .x_labels(rows.len())
                .x_label_formatter(&|m| format!("{m:.0}"))
                .draw()
                .unwrap();
            for ((name, points), colour) in series.iter().zip(colours) {
                let width = if *name == "step" { 3 } else { 1 };
                let label = format!("{name}: m^{:.2}", slope(points));
                let line = chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(width))).unwrap();
                line.label(label).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(width)));
                chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour.filled()))).unwrap();
            }
            let labels = &mut chart.configure_series_labels();
            labels.position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).label_font(("sans-serif", 13)).draw().unwrap();
        }
    }
    root.present().unwrap();
    println!("drawn in {path}");
}

#[cfg(not(feature = "cli"))]
fn draw(path: &str, _: &[Table]) {
    println!("{path} is not drawn: this needs --features cli");
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let mode = args.next().unwrap_or_else(|| "step".into());
    let most: u32 = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(13);
    let svg = args.next().filter(|arg| arg == "--svg").and_then(|_| args.next());
    let mut tables = vec![];
    let data = Data::load(SAMPLES, None);
    header();
    match mode.as_str() {
        "samples" => against("samples", "n", &[128, 256, 512, 1024].map(|n| (n, Data::load(n, None)))),
        "inputs" => against("inputs", "d", &[16, 64, 256, 1024].map(|d| (d, Data::load(SAMPLES, Some(d))))),
        "dense" => tables.push(("dense, L = 3".to_string(), dense_rows(&data, most))),
        "exponents" | "structured" => {
            let weights = if mode == "structured" { FirstWeights::Hadamard } else { FirstWeights::Gaussian };
            for layers in [2, 3] {
                let what = format!("{mode}, L = {layers}");
                let mut rows = vec![];
                for m in (10..=most).map(|k| 1usize << k) {
                    let run = sparse(&data, layers, m, weights, if m < 1 << 14 { 3 } else { 1 });
                    let more = format!(
                        "{} products, {} steps in {:.2} s, drawn in {:.2} s",
                        run.products,
                        run.steps.len(),
                        run.seconds,
                        run.drawn
                    );
                    row(&what, m, run.fired, run.first, &run.step, &more);
                    rows.push((m, run.first, run.step));
                }
                exponents(&what, "m", &rows);
                tables.push((what, rows));
            }
            if svg.is_some() {
                tables.push(("dense, L = 3".into(), dense_rows(&data, most.min(MOST_DENSE))));
            }
        }
        _ => {
            let m = 4096;
            let mut dense = Dense::new(&data, 3, m);
            let mut best = (f64::INFINITY, f64::INFINITY);
            let mut spent = (0.0, 0.0);
            for _ in 0..5 {
                let run = sparse(&data, 3, m, FirstWeights::Gaussian, 1);
                for (k, (phase, products)) in run.steps.iter().enumerate() {
                    let more = format!("{products} products; {:.3} s with the first pass and all steps", run.seconds);
                    row(&format!("sparse, step {}", k + 1), m, run.fired, run.first, phase, &more);
                }
                let cpu = cpu_seconds();
                let phase = dense.step(&data, run.products);
                spent = (spent.0 + run.cpu / run.steps.len() as f64, spent.1 + cpu_seconds() - cpu);
                row("dense, L = 3", m, 1.0, Work::default(), &phase, "");
                best = (best.0.min(total(&run.step).seconds), best.1.min(total(&phase).seconds));
            }
            println!("dense / sparse, least wall times: {:.1}", best.1 / best.0);
            let (sparse, dense) = (1e3 * spent.0 / 5.0, 1e3 * spent.1 / 5.0);
            println!("dense / sparse, processor times of all rounds: {dense:.1} ms / {sparse:.1} ms = {:.1}", dense / sparse);
        }
    }
    if let Some(path) = svg {
        draw(&path, &tables);
    }
}
