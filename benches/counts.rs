//! Instructions that each kernel executes, counted by valgrind's callgrind: the same on every machine, however busy.
//!
//! Run `python3 benches/counts.py`, which compares with `counts.txt`. By itself this program runs every case once, natively, and
//! says so. Levels are named, not detected; valgrind knows no AVX-512.

use std::hint::black_box;

use subquad::cg::{self, Identity, LinearOperator, Stopping};
use subquad::hadamard::{Signs, Transform, fwht};
use subquad::halfspace::{BallTree, Hits, Packed, Reporter, Screened, scan, scan_scratch_len};
use subquad::relu::{PatternMut, PatternRef, gram, pattern, two_layer};
use subquad::sketch::{Srht, TensorSketch, TensorSrht};
use subquad::{Error, Level, MatMut, MatRef, blas, random};

/// What is counted: callgrind is told this function's name, and dumps its counts after each call.
#[inline(never)]
fn counted_case(work: &mut dyn FnMut()) {
    work();
    // Not the last thing it does: a jump instead of a call would end the count before the work.
    black_box(());
}

/// Runs the cases one after the other, and says their names in that order.
struct Runner {
    level: Level,
}

impl Runner {
    fn case(&self, name: &str, mut work: impl FnMut()) {
        counted_case(&mut work);
        println!("case|{name}|{}", self.level);
    }
}

fn gaussian<T: subquad::Float>(n: usize, stream: u32) -> Vec<T> {
    let mut x = vec![T::ZERO; n];
    random::gaussian(&mut random::stream(1, stream), &mut x);
    x
}

fn mat<T>(x: &[T], rows: usize, cols: usize) -> MatRef<'_, T> {
    MatRef::new(x, rows, cols).unwrap()
}

fn mat_mut<T>(x: &mut [T], rows: usize, cols: usize) -> MatMut<'_, T> {
    MatMut::new(x, rows, cols).unwrap()
}

/// Any positive definite operator of little cost.
struct Chain(usize);

impl LinearOperator<f32> for Chain {
    fn dim(&self) -> usize {
        self.0
    }
    fn apply(&self, _: Level, x: &[f32], y: &mut [f32], _: &mut [f32]) -> Result<(), Error> {
        y.iter_mut().zip(x).enumerate().for_each(|(i, (y, x))| *y = (1 + i % 7) as f32 * x);
        Ok(())
    }
}

fn transforms(run: &Runner) {
    let level = run.level;
    for n in [32usize, 256, 4096, 65536] {
        let mut x = gaussian::<f32>(n, 1);
        let before: f32 = x.iter().sum();
        run.case(&format!("fwht f32 {n}"), || fwht(level, &mut x).unwrap());
        assert!((x[0] - before).abs() < 1e-4 * n as f32);
    }
    let mut x = gaussian::<f64>(4096, 1);
    run.case("fwht f64 4096", || fwht(level, &mut x).unwrap());
    let mut x = vec![1i16; 4096];
    run.case("fwht i16 4096", || fwht(level, &mut x).unwrap());
    assert!(x[0] == 4096 && x[1..].iter().all(|x| *x == 0));
    let mut x = gaussian::<f32>(5120, 1);
    run.case("fwht f32 20 x 256", || fwht(level, &mut x).unwrap());
    let mut x = gaussian::<f32>(64 * 256, 1);
    run.case("fwht, 64 rows of 256", || Transform::new().rows(level, mat_mut(&mut x, 64, 256)).unwrap());
    // Where rows begin decides how many of their vectors are parts of one.
    for (name, off) in [("fwht, 64 columns of 256", 0), ("fwht, 64 columns of 256, four numbers behind a cache line", 4)] {
        let mut room = gaussian::<f32>(64 * 256 + 32, 1);
        let at = room.as_ptr().align_offset(64) + off;
        run.case(name, || Transform::new().columns(level, mat_mut(&mut room[at..][..64 * 256], 256, 64)).unwrap());
    }
    let signed = Transform::new().signs(Signs::Seed(1)).orthonormal();
    run.case("fwht f32 16384, signed, orthonormal", || signed.run(level, &mut x).unwrap());
}

fn dense(run: &Runner) {
    let level = run.level;
    let n = 96;
    let (a, b, mut out) = (gaussian::<f32>(n * n, 1), gaussian::<f32>(n * n, 2), vec![0.0f32; n * n]);
    let (a, b) = (mat(&a, n, n), mat(&b, n, n));
    let mut scratch = vec![0.0f32; 1 << 18];
    run.case("dot 4096", || {
        black_box(blas::dot(level, &a.data()[..4096], &b.data()[..4096]).unwrap());
    });
    for (name, left, right) in [("gemm A B^T 96", a, b.t()), ("gemm A^T B 96", a.t(), b)] {
        run.case(name, || blas::gemm(level, 1.0, left, right, 0.0, mat_mut(&mut out, n, n), &mut scratch).unwrap());
    }
    run.case("syrk 96", || blas::syrk(level, 1.0, a, 0.0, mat_mut(&mut out, n, n), &mut scratch).unwrap());
    (0..n).for_each(|i| out[i * n + i] += n as f32);
    run.case("cholesky 96", || assert!(blas::cholesky(level, mat_mut(&mut out, n, n), &mut scratch).unwrap() == blas::Definite::Yes));
    let mut rhs = gaussian::<f32>(n * 10, 3);
    run.case("cholesky solve 96, 10", || blas::cholesky_solve(level, mat(&out, n, n), mat_mut(&mut rhs, n, 10), &mut scratch).unwrap());
    let mut columns = gaussian::<f32>(n * 32, 4);
    run.case("qr 96 x 32", || blas::qr(level, mat_mut(&mut columns, 32, n), &mut scratch).unwrap());
    let (b, mut x) = (gaussian::<f32>(1000, 5), vec![0.0f32; 1000]);
    let stopping = Stopping { relative: 0.0, absolute: 0.0, max_iterations: 5 };
    let mut iterations = 0;
    run.case("cg 1000, 5 iterations", || {
        iterations = cg::conjugate_gradient(level, &Chain(1000), &Identity, &b, &mut x, stopping, &mut scratch).unwrap().iterations;
    });
    assert_eq!(iterations, 5);
}

fn network(run: &Runner) {
    let level = run.level;
    let (n, m, d, c) = (32, 512, 64, 2);
    let (x, w) = (gaussian::<f32>(n * d, 1), gaussian::<f32>(m * d, 2));
    let mut a = vec![0.0f32; c * m];
    random::signs(&mut random::stream(1, 3), &mut a);
    let u = gaussian::<f32>(n * c, 4);
    let (x, w, a, u) = (mat(&x, n, d), mat(&w, m, d), mat(&a, c, m), mat(&u, n, c));
    let mut scratch = vec![0.0f32; two_layer::gram_product_scratch_len(d, m, c) + gram::gram_scratch_len(n, d)];
    let (mut f, mut g, mut k) = (vec![0.0f32; n * c], vec![0.0f32; m * d], vec![0.0f32; n * n]);
    // Thresholds in units of |x|, which is about 8: half, and a twentieth of the neurons fire.
    for (share, b) in [("half fire", 0.0), ("a twentieth fires", 13.2)] {
        let mut words = vec![0; pattern::pattern_len(n, m)];
        run.case(&format!("forward, {share}"), || {
            let pattern = PatternMut::new(&mut words, n, m).unwrap();
            two_layer::forward(level, x, w, a, b, Some(pattern), mat_mut(&mut f, n, c), &mut scratch).unwrap();
        });
        let pattern = PatternRef::new(&words, n, m).unwrap();
        let fired = pattern.count(level) as f64 / (n * m) as f64;
        assert!((fired - if b > 0.0 { 0.05 } else { 0.5 }).abs() < 0.03, "{fired}");
        run.case(&format!("jvp, {share}"), || two_layer::jvp(level, x, a, pattern, w, mat_mut(&mut f, n, c), &mut scratch).unwrap());
        run.case(&format!("vjp, {share}"), || two_layer::vjp(level, x, a, pattern, u, mat_mut(&mut g, m, d), &mut scratch).unwrap());
        run.case(&format!("gram product, {share}"), || {
            two_layer::gram_product(level, x, a, pattern, u, mat_mut(&mut f, n, c), &mut scratch).unwrap();
        });
        run.case(&format!("gram, {share}"), || gram::gram(level, x, pattern, mat_mut(&mut k, n, n), &mut scratch).unwrap());
    }
    let words = vec![0x0F3C_5A69_9177_3311u64; pattern::pattern_len(64, 4096)];
    let (pattern, mut out) = (PatternRef::new(&words, 64, 4096).unwrap(), vec![0.0f32; 64 * 64]);
    run.case("overlaps 64 x 4096", || gram::overlaps(level, pattern, mat_mut(&mut out, 64, 64)).unwrap());
    assert_eq!(out[0], pattern.overlap(level, 0, 0) as f32);
}

fn sketches(run: &Runner) {
    let level = run.level;
    let (m, d, s) = (512, 64, 256);
    let (u, v, x) = (gaussian::<f32>(m, 1), gaussian::<f32>(d, 2), gaussian::<f32>(m * d, 3));
    let (mut y, mut scratch) = (vec![0.0f32; s], vec![0.0f32; m * d]);
    let sketch = Srht::new(m * d, s, 1).unwrap();
    run.case("SRHT 32768 to 256", || sketch.accumulate(level, &x, &mut y, &mut scratch).unwrap());
    let sketch = TensorSrht::new((m, d), s, 1).unwrap();
    run.case("TensorSRHT 512 x 64 to 256", || sketch.accumulate(level, &u, &v, &mut y, &mut scratch).unwrap());
    let sketch = TensorSketch::new((m, d), s, 1).unwrap();
    run.case("TensorSketch 512 x 64 to 256", || sketch.accumulate(level, &u[..], &v[..], &mut y, &mut scratch).unwrap());
}

fn halfspaces(run: &Runner) {
    let level = run.level;
    let (m, d, n, b) = (2048usize, 16usize, 8usize, 8.2f32);
    let (w, x) = (gaussian::<f32>(m * d, 1), gaussian::<f32>(n * d, 2));
    let (w, x) = (mat(&w, m, d), mat(&x, n, d));
    let room = m;
    let (mut counts, mut indices) = (vec![0; n], vec![0; n * room]);
    let memory = |bytes: usize| vec![0u64; bytes.div_ceil(8)];
    let mut bytes = (
        memory(Packed::<&[u8], f32>::storage_len(m, d)),
        memory(Screened::<&[u8], f32>::storage_len(m, d)),
        memory(BallTree::<&[u8], f32>::storage_len(m, d)),
    );
    let mut scratch = vec![0.0f32; BallTree::<&[u8], f32>::build_scratch_len(m, d) + scan_scratch_len(d, m) + (1 << 16)];
    let mut hits = Hits::new(&mut counts, &mut indices, room).unwrap();
    run.case("scan 8 x 2048 x 16", || scan(level, w, x, b, &mut hits, &mut scratch).unwrap());
    let wanted: usize = (0..n).map(|i| hits.count(i)).sum();
    assert!(wanted > 0);
    // Building has no level: counted once.
    let packed = Packed::build(w, bytemuck::cast_slice_mut(&mut bytes.0)).unwrap();
    let screened = Screened::build(w, bytemuck::cast_slice_mut(&mut bytes.1)).unwrap();
    let tree = BallTree::build(w, bytemuck::cast_slice_mut(&mut bytes.2), &mut scratch).unwrap();
    let all: [(&str, &dyn Reporter<f32>); 3] = [("packed", &packed), ("screened", &screened), ("ball tree", &tree)];
    for (name, index) in all {
        run.case(&format!("{name} 8 x 2048 x 16"), || index.query_batch(level, x, b, &mut hits, &mut scratch).unwrap());
        assert_eq!((0..n).map(|i| hits.count(i)).sum::<usize>(), wanted, "{name}");
    }
}

fn main() {
    let under_valgrind = std::env::var_os("SUBQUAD_COUNTED").is_some();
    if !under_valgrind {
        println!("runs each case once; python3 benches/counts.py counts their instructions");
    }
    for level in Level::available().filter(|level| ["scalar", "avx2"].contains(&level.name())) {
        let run = Runner { level };
        transforms(&run);
        dense(&run);
        network(&run);
        sketches(&run);
        halfspaces(&run);
    }
}
