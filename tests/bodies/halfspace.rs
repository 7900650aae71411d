//! Every half-space structure under updates.

use super::source::Source;
use super::words::Words;
use subquad::halfspace::{BallTree, Candidates, Hits, MaxTree, Packed, Reporter, Rotated, Screened, Watcher, scan, scan_scratch_len};
use subquad::{Level, MatRef};

/// The answers of the definition: one chain of multiply-adds, fused where the level fuses.
type Answer = (Vec<u32>, Vec<u32>);

fn ask(n: usize, room: usize, to: impl FnOnce(&mut Hits<'_, f32>)) -> Vec<Answer> {
    let (mut counts, mut indices, mut values) = (vec![9; n], vec![9; n * room], vec![f32::NAN; n * room]);
    let mut hits = Hits::new(&mut counts, &mut indices, room).expect("n rooms").with_values(&mut values).expect("as many");
    to(&mut hits);
    let answer = |i: usize| {
        let mut ids = vec![hits.count(i) as u32];
        ids.extend(hits.indices(i));
        (ids, hits.values(i).iter().map(|z| z.to_bits()).collect())
    };
    (0..n).map(answer).collect()
}

/// Every structure answers as the scan does, bit by bit, before and after any sequence of updates; the scan answers as
/// the definition does.
pub fn halfspace(bytes: &[u8]) {
    let mut source = Source(bytes);
    let (m, d, n) = (source.below(140), source.below(9), source.below(7));
    let any = source.byte().is_multiple_of(2);
    let room = if source.byte().is_multiple_of(2) { m } else { source.below(m + 1) };
    let threshold = if any { f32::from_bits(source.u32()) } else { f32::from(source.byte() as i8) / 4.0 };
    let rho = f64::from(source.byte()) / 32.0;
    let mut w = source.floats(m * d, any);
    let x = source.floats(n * d, any);
    let levels: Vec<Level> = Level::available().collect();
    let level = levels[usize::from(source.byte()) % levels.len()];
    let fits = "as many numbers as the shape says";
    let xs = MatRef::new(&x, n, d).expect(fits);

    let ws = MatRef::new(&w, m, d).expect(fits);
    let mut bytes = [
        Words::of(Packed::<&[u8], f32>::storage_len(m, d)),
        Words::of(Screened::<&[u8], f32>::storage_len(m, d)),
        Words::of(Rotated::<&[u8], f32>::storage_len(m, d)),
        Words::of(BallTree::<&[u8], f32>::storage_len(m, d)),
        Words::of(MaxTree::<&[u8], f32>::storage_len(m, d, n)),
        Words::of(Candidates::<&[u8], f32>::storage_len(m, d, n, room)),
    ];
    let [packed, screened, rotated, balls, maxima, candidates] = &mut bytes;
    let most = [
        scan_scratch_len(d, m),
        BallTree::<&[u8], f32>::rebalance_scratch_len(m, d),
        BallTree::<&[u8], f32>::query_scratch_len(m, d),
        Rotated::<&[u8], f32>::query_scratch_len(m, d),
        Packed::<&[u8], f32>::query_scratch_len(m, d),
        MaxTree::<&[u8], f32>::build_scratch_len(m, d),
        Candidates::<&[u8], f32>::build_scratch_len(m, d, n),
    ];
    let mut scratch = vec![f32::NAN; most.into_iter().max().unwrap_or(0)];
    let mut packed = Packed::<_, f32>::build(ws, packed.bytes()).expect(fits);
    let mut screened = Screened::<_, f32>::build(ws, screened.bytes()).expect(fits);
    let mut rotated = Rotated::<_, f32>::build(level, ws, m as u64, rotated.bytes()).expect(fits);
    let mut balls = BallTree::<_, f32>::build(ws, balls.bytes(), &mut scratch).expect(fits);
    let mut maxima = MaxTree::build(level, ws, xs, maxima.bytes(), &mut scratch).expect(fits);
    let mut candidates = Candidates::build(level, ws, xs, threshold, rho, room, candidates.bytes(), &mut scratch).expect(fits);
    // Of the ball tree neurons come and go as well: NaN where none is, which never fires.
    let mut there = vec![true; m];
    for step in 0..6 {
        let ws = MatRef::new(&w, m, d).expect(fits);
        let left: Vec<f32> = w.iter().enumerate().map(|(at, &x)| if there[at / d.max(1)] { x } else { f32::NAN }).collect();
        let left = MatRef::new(&left, m, d).expect(fits);
        let of_those = ask(n, room, |hits| scan(level, left, xs, threshold, hits, &mut scratch).expect(fits));
        let wanted = ask(n, room, |hits| scan(level, ws, xs, threshold, hits, &mut scratch).expect(fits));
        if !any {
            for (i, (ids, _)) in wanted.iter().enumerate() {
                let z = |r: usize| -> f32 { (0..d).map(|k| w[r * d + k] * x[i * d + k]).sum() };
                let fired: Vec<u32> = (0..m as u32).filter(|&r| z(r as usize) > threshold).collect();
                assert_eq!((ids[0] as usize, &ids[1..]), (fired.len(), &fired[..fired.len().min(room)]), "{level}: the scan itself");
            }
        }
        let mut check = |what: &str, to: &mut dyn FnMut(&mut Hits<'_, f32>, &mut [f32])| {
            scratch.fill(f32::NAN);
            let found = ask(n, room, |hits| to(hits, &mut scratch));
            let wanted = if what == "ball tree" { &of_those } else { &wanted };
            assert!(found == *wanted, "{level} step {step}: {what}: {found:?} is not {wanted:?}");
        };
        check("packed", &mut |hits, scratch| packed.query_batch(level, xs, threshold, hits, scratch).expect(fits));
        check("screened", &mut |hits, scratch| screened.query_batch(level, xs, threshold, hits, scratch).expect(fits));
        check("rotated", &mut |hits, scratch| rotated.query_batch(level, xs, threshold, hits, scratch).expect(fits));
        check("ball tree", &mut |hits, scratch| balls.query_batch(level, xs, threshold, hits, scratch).expect(fits));
        check("max tree", &mut |hits, scratch| maxima.query_batch(level, ws, threshold, hits, scratch).expect(fits));
        check("candidates", &mut |hits, _| candidates.query_batch(level, ws, threshold, hits, &mut []).expect(fits));
        packed.verify(ws).expect("sound");
        screened.verify(ws).expect("sound");
        rotated.verify(ws).expect("sound");
        balls.verify(ws).expect("sound");
        maxima.verify(level, ws, &mut scratch).expect("sound");
        candidates.verify(level, ws, &mut []).expect("sound");
        if m == 0 || d == 0 {
            return;
        }
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
                0 => w[r * d..(r + 1) * d].copy_from_slice(&source.floats(d, any)),
                1 => w[r * d + usize::from(source.byte()) % d] = source.floats(1, true)[0],
                2 => w[r * d..(r + 1) * d].iter_mut().for_each(|x| *x *= 1.5),
                _ => w.copy_within(0..d, r * d),
            }
            let row = &w[r * d..(r + 1) * d];
            packed.update(level, r, row).expect(fits);
            screened.update(level, r, row).expect(fits);
            rotated.update(level, r, row).expect(fits);
            assert_eq!(balls.insert(level, r, row).is_ok(), !there[r]);
            if there[r] {
                balls.update(level, r, row).expect(fits);
            }
            there[r] = true;
            maxima.update(level, r, row).expect(fits);
            candidates.update(level, r, row).expect(fits);
        }
        let ws = MatRef::new(&w, m, d).expect(fits);
        match source.byte() % 4 {
            0 => balls.rebalance(&mut scratch).expect(fits),
            1 => candidates.update_all(level, ws).expect(fits),
            2 => drop(candidates.advance(level, ws, &mut scratch).expect(fits)),
            _ => {}
        }
        // Numbers of any bits may be there now: the plain definition no longer holds, the scan's does.
        if w.iter().any(|x| !x.is_finite() || x.abs() > 1e3 || (x * 256.0).fract() != 0.0) && !any {
            return;
        }
    }
}
