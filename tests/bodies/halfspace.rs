//! Every half-space structure under updates.

use super::bounds::Sum;
use super::source::{Kind, Source, is_wide};
use super::words::Words;
use subquad::halfspace::{BallTree, Candidates, Hits, MaxTree, Packed, Reporter, Rotated, Screened, Watcher, scan, scan_scratch_len};
use subquad::simd::Float;
use subquad::{Level, MatRef};

/// Count and indices, and the bits of the values.
type Answer = (Vec<u32>, Vec<u64>);

const FITS: &str = "as many numbers as the shape says";

fn ask<T: Float>(n: usize, room: usize, to: impl FnOnce(&mut Hits<'_, T>)) -> Vec<Answer> {
    let (mut counts, mut indices, mut values) = (vec![9; n], vec![9; n * room], vec![T::from_f64(f64::NAN); n * room]);
    let mut hits = Hits::new(&mut counts, &mut indices, room).expect("n rooms").with_values(&mut values).expect("as many");
    to(&mut hits);
    let answer = |i: usize| {
        let mut ids = vec![hits.count(i) as u32];
        ids.extend(hits.indices(i));
        // Different numbers are different in f64 too, and so are the two zeros.
        (ids, hits.values(i).iter().map(|z| z.to_f64().to_bits()).collect())
    };
    (0..n).map(answer).collect()
}

/// Every structure answers as the scan does, bit by bit, before and after any sequence of updates; the scan answers as
/// the definition does: wherever rounding leaves no doubt.
pub fn halfspace(bytes: &[u8]) {
    if is_wide(bytes) { of_numbers::<f64>(bytes) } else { of_numbers::<f32>(bytes) }
}

/// What does not change.
struct Case<T> {
    m: usize,
    d: usize,
    n: usize,
    room: usize,
    threshold: T,
    rho: f64,
    kind: Kind,
    x: Vec<T>,
}

fn of_numbers<T: Float>(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (m, d, n) = (source.below(140), source.below(9), source.below(7));
    let kind = source.kind();
    let room = if source.byte().is_multiple_of(2) { m } else { source.below(m + 1) };
    let threshold = match kind {
        Kind::Any => source.numbers::<T>(1, kind)[0],
        _ => T::from_f64(f64::from(source.byte() as i8) / 4.0),
    };
    let rho = f64::from(source.byte()) / 32.0;
    let w = source.numbers(m * d, kind);
    let case = Case { m, d, n, room, threshold, rho, kind, x: source.numbers(n * d, kind) };
    for level in Level::available() {
        case.run(level, w.clone(), Source(source.0));
    }
}

impl<T: Float> Case<T> {
    fn run(&self, level: Level, mut w: Vec<T>, mut source: Source<'_>) {
        let Self { m, d, n, room, threshold, rho, kind, .. } = *self;
        let xs = MatRef::new(&self.x, n, d).expect(FITS);
        let ws = MatRef::new(&w, m, d).expect(FITS);
        let mut bytes = [
            Words::of(Packed::<&[u8], T>::storage_len(m, d)),
            Words::of(Screened::<&[u8], T>::storage_len(m, d)),
            Words::of(Rotated::<&[u8], T>::storage_len(m, d)),
            Words::of(BallTree::<&[u8], T>::storage_len(m, d)),
            Words::of(MaxTree::<&[u8], T>::storage_len(m, d, n)),
            Words::of(Candidates::<&[u8], T>::storage_len(m, d, n, room)),
        ];
        let [packed, screened, rotated, balls, maxima, candidates] = &mut bytes;
        let most = [
            scan_scratch_len(d, m),
            BallTree::<&[u8], T>::build_scratch_len(m, d),
            BallTree::<&[u8], T>::rebalance_scratch_len(m, d),
            BallTree::<&[u8], T>::query_scratch_len(m, d),
            Rotated::<&[u8], T>::query_scratch_len(m, d),
            Screened::<&[u8], T>::query_scratch_len(m, d),
            Packed::<&[u8], T>::query_scratch_len(m, d),
            MaxTree::<&[u8], T>::build_scratch_len(m, d),
            MaxTree::<&[u8], T>::query_scratch_len(m, d),
            Candidates::<&[u8], T>::build_scratch_len(m, d, n),
        ];
        let mut scratch = vec![T::from_f64(f64::NAN); most.into_iter().max().unwrap_or(0)];
        let mut packed = Packed::<_, T>::build(ws, packed.bytes()).expect(FITS);
        let mut screened = Screened::<_, T>::build(ws, screened.bytes()).expect(FITS);
        let mut rotated = Rotated::<_, T>::build(level, ws, m as u64, rotated.bytes()).expect(FITS);
        // Of the ball tree neurons come and go as well: NaN where none is, which never fires.
        let here = if source.byte().is_multiple_of(2) || d == 0 { m } else { source.below(m + 1) };
        let some = ws.row_range(0, here);
        let mut balls = BallTree::<_, T>::build_with_room(some, m, balls.bytes(), &mut scratch).expect(FITS);
        let mut there: Vec<bool> = (0..m).map(|r| r < here).collect();
        // Of the tree of maxima samples move.
        let mut seen = self.x.clone();
        let mut maxima = MaxTree::build(level, ws, xs, maxima.bytes(), &mut scratch).expect(FITS);
        let mut candidates = Candidates::build(level, ws, xs, threshold, rho, room, candidates.bytes(), &mut scratch).expect(FITS);
        for step in 0..4 {
            let ws = MatRef::new(&w, m, d).expect(FITS);
            let nothing = T::from_f64(f64::NAN);
            let left: Vec<T> = w.iter().enumerate().map(|(at, &x)| if there[at / d.max(1)] { x } else { nothing }).collect();
            let left = MatRef::new(&left, m, d).expect(FITS);
            let watched = MatRef::new(&seen, n, d).expect(FITS);
            let mut scanned =
                |w: MatRef<'_, T>, x: MatRef<'_, T>| ask(n, room, |hits| scan(level, w, x, threshold, hits, &mut scratch).expect(FITS));
            let (wanted, of_those, of_seen) = (scanned(ws, xs), scanned(left, xs), scanned(ws, watched));
            if step % 2 == 0 {
                self.check_scan(level, &w, &wanted);
            }
            let (first, some) = (source.below(n + 1), source.below(n + 1));
            let last = n.min(first + some);
            let mut check = |what: &str, wanted: &[Answer], to: &mut dyn FnMut(&mut Hits<'_, T>, &mut [T])| {
                scratch.fill(nothing);
                let found = ask(wanted.len(), room, |hits| to(hits, &mut scratch));
                assert!(found == *wanted, "{level} step {step}: {what}: {found:?} is not {wanted:?}");
            };
            let pairs = (n * m) as u64;
            check("packed", &wanted, &mut |hits, scratch| packed.query_batch(level, xs, threshold, hits, scratch).expect(FITS));
            check("screened", &wanted, &mut |hits, scratch| screened.query_batch(level, xs, threshold, hits, scratch).expect(FITS));
            check("rotated", &wanted, &mut |hits, scratch| rotated.query_batch(level, xs, threshold, hits, scratch).expect(FITS));
            check("screened, counting", &wanted, &mut |hits, scratch| {
                assert!(screened.query_batch_counting(level, xs, threshold, hits, scratch).expect(FITS) <= pairs, "{level}: open pairs");
            });
            check("rotated, counting", &wanted, &mut |hits, scratch| {
                assert!(rotated.query_batch_counting(level, xs, threshold, hits, scratch).expect(FITS) <= pairs, "{level}: open pairs");
            });
            check("ball tree", &of_those, &mut |hits, scratch| balls.query_batch(level, xs, threshold, hits, scratch).expect(FITS));
            check("max tree", &of_seen, &mut |hits, scratch| maxima.query_batch(level, ws, threshold, hits, scratch).expect(FITS));
            check("candidates", &wanted, &mut |hits, _| candidates.query_batch(level, ws, threshold, hits, &mut []).expect(FITS));
            if first < last {
                check("max tree, some", &of_seen[first..last], &mut |hits, scratch| {
                    maxima.query_from(level, ws, first, threshold, hits, scratch).expect(FITS);
                });
                check("candidates, some", &wanted[first..last], &mut |hits, _| {
                    candidates.query_from(level, ws, first, threshold, hits, &mut []).expect(FITS);
                });
            }
            packed.verify(ws).expect("sound");
            screened.verify(ws).expect("sound");
            rotated.verify(ws).expect("sound");
            balls.verify(ws).expect("sound");
            maxima.verify(level, ws, &mut scratch).expect("sound");
            candidates.verify(level, ws, &mut []).expect("sound");
            assert_eq!(balls.len(), there.iter().filter(|&&there| there).count(), "{level}");
            if m == 0 || d == 0 {
                return;
            }
            // Leaves of the maxima one by one, or together behind the others.
            let together = source.byte().is_multiple_of(2);
            let mut moved: Vec<u32> = Vec::new();
            for _ in 0..source.below(9) {
                let r = source.below(m);
                let how = source.byte();
                if how >= 240 {
                    // All of them.
                    (0..m).filter(|&r| there[r]).for_each(|r| balls.delete(r).expect("there"));
                    there.fill(false);
                } else if how >= 128 {
                    assert_eq!(balls.delete(r).is_ok(), there[r]);
                    there[r] = false;
                    continue;
                }
                match how % 4 {
                    0 => w[r * d..(r + 1) * d].copy_from_slice(&source.numbers(d, kind)),
                    1 => w[r * d + usize::from(source.byte()) % d] = source.numbers(1, Kind::Any)[0],
                    2 => w[r * d..(r + 1) * d].iter_mut().for_each(|x| *x *= T::from_f64(1.5)),
                    _ => w.copy_within(0..d, r * d),
                }
                let row = &w[r * d..(r + 1) * d];
                packed.update(level, r, row).expect(FITS);
                screened.update(level, r, row).expect(FITS);
                rotated.update(level, r, row).expect(FITS);
                assert_eq!(balls.insert(level, r, row).is_ok(), !there[r]);
                if there[r] {
                    balls.update(level, r, row).expect(FITS);
                }
                there[r] = true;
                moved.push(r as u32);
                if !together {
                    maxima.update(level, r, row).expect(FITS);
                }
                candidates.update(level, r, row).expect(FITS);
            }
            if together {
                let rows: Vec<T> = moved.iter().flat_map(|&r| &w[r as usize * d..(r as usize + 1) * d]).copied().collect();
                maxima.update_batch(level, &moved, MatRef::new(&rows, moved.len(), d).expect(FITS), &mut scratch).expect(FITS);
            }
            let ws = MatRef::new(&w, m, d).expect(FITS);
            match source.byte() % 8 {
                0 => balls.rebalance(&mut scratch).expect(FITS),
                1 => candidates.update_all(level, ws).expect(FITS),
                2 | 3 => drop(candidates.advance(level, ws, &mut scratch).expect(FITS)),
                4 => candidates.rebuild(level, ws, f64::from(source.byte()) / 32.0, &mut scratch).expect(FITS),
                5 | 6 if n > 0 => {
                    let i = source.below(n);
                    let point = source.numbers(d, kind);
                    seen[i * d..(i + 1) * d].copy_from_slice(&point);
                    maxima.replace(level, i, &point, ws, &mut scratch).expect(FITS);
                }
                _ => {}
            }
        }
    }

    /// Who is surely above the threshold is found, who is surely not is not; where there is room, all of them are.
    fn check_scan(&self, level: Level, w: &[T], found: &[Answer]) {
        let Self { m, d, room, threshold, .. } = *self;
        for (i, (ids, _)) in found.iter().enumerate() {
            let (mut sure, mut open) = (0, 0);
            let mut indices = ids[1..].iter().copied().peekable();
            for r in 0..m {
                let products = (0..d).map(|k| (w[r * d + k].to_f64(), self.x[i * d + k].to_f64()));
                let z = Sum::of(products.clone());
                // Numbers of a few digits make sums without rounding.
                let exact =
                    products.clone().all(|(w, x)| (w * 16.0).fract() == 0.0 && (x * 16.0).fract() == 0.0 && w.abs().max(x.abs()) <= 64.0);
                let doubt = if exact { 0.0 } else { z.allowed::<T>(d + 1) };
                let listed = indices.next_if_eq(&(r as u32)).is_some();
                let within = room.min(ids[0] as usize) == ids[0] as usize || ids[ids.len() - 1] >= r as u32;
                if !z.is_sane::<T>() || (z.value - threshold.to_f64()).abs() <= doubt && !exact {
                    open += 1;
                } else if z.value > threshold.to_f64() {
                    sure += 1;
                    assert!(listed || !within || room == 0, "{level}: neuron {r} on sample {i} is missing");
                } else {
                    assert!(!listed, "{level}: neuron {r} on sample {i}: {} is not above {threshold}", z.value);
                }
            }
            assert!(indices.next().is_none(), "{level}: ascending, and less than {m}");
            assert_eq!(ids.len() - 1, room.min(ids[0] as usize), "{level}: as many as there is room for");
            assert!((sure..=sure + open).contains(&(ids[0] as usize)), "{level}: {} of {sure} and perhaps {open} more", ids[0]);
        }
    }
}
