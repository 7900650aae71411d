//! Bytes of indices that somebody damaged.

use super::source::Source;
use super::words::Words;
use subquad::halfspace::{BallTree, Candidates, Check, Hits, MaxTree, Packed, Reporter, Rotated, Screened, Watcher};
use subquad::{Error, Level, MatRef};

/// Any bytes, or a sound index with some of them changed: an error, or answers of whatever kind, but no panic.
pub fn index(bytes: &[u8]) {
    let mut source = Source(bytes);
    let kind = source.byte();
    let (m, d, n) = (source.below(80), source.below(6), source.below(5) + 1);
    let levels: Vec<Level> = Level::available().collect();
    let level = levels[usize::from(kind / 7) % levels.len()];
    let fits = "as many numbers as the shape says";
    let (w, x) = (source.floats(m * d, false), source.floats(n * d, false));
    let (ws, xs) = (MatRef::new(&w, m, d).expect(fits), MatRef::new(&x, n, d).expect(fits));
    let mut words = Words::of(
        Candidates::<&[u8], f32>::storage_len(m, d, n, m)
            + MaxTree::<&[u8], f32>::storage_len(m, d, n)
            + BallTree::<&[u8], f32>::storage_len(m, d)
            + Rotated::<&[u8], f32>::storage_len(m, d),
    );
    let mut scratch = vec![0.0f32; 1 << 16];
    let all = words.bytes();
    match kind % 7 {
        0 => drop(Packed::<_, f32>::build(ws, &mut *all).expect(fits)),
        1 => drop(Screened::<_, f32>::build(ws, &mut *all).expect(fits)),
        2 => drop(BallTree::<_, f32>::build(ws, &mut *all, &mut scratch).expect(fits)),
        3 => drop(MaxTree::<_, f32>::build(level, ws, xs, &mut *all, &mut scratch).expect(fits)),
        4 => drop(Candidates::<_, f32>::build(level, ws, xs, 0.5, 0.5, m, &mut *all, &mut scratch).expect(fits)),
        6 => drop(Rotated::<_, f32>::build(level, ws, 3, &mut *all).expect(fits)),
        _ => {}
    }
    let sound = all.to_vec();
    let raw = source.0.len().min(all.len());
    if kind % 7 == 5 {
        all[..raw].copy_from_slice(&source.0[..raw]);
    }
    for _ in 0..source.below(12) {
        let (at, value) = (source.below(all.len().clamp(1, 65_535)), source.byte());
        if let Some(byte) = all.get_mut(at) {
            *byte = value;
        }
    }
    let end = if source.byte().is_multiple_of(8) { source.below(all.len().min(60_000) + 1) } else { all.len() };
    let all = &mut all[..end];
    check_everything(all, &sound, kind % 7, (m, d, n));
    let damaged = all.to_vec();
    for level in levels {
        all.copy_from_slice(&damaged);
        use_damaged(level, all, (ws, d), &mut scratch);
    }
}

/// A sealed index opens; one in which any byte is another does not: the checksum is of all of them.
fn check_everything(bytes: &[u8], sound: &[u8], kind: u8, (m, d, n): (usize, usize, usize)) {
    macro_rules! check {
        ($Index:ident, $length:expr) => {{
            let length: usize = $length;
            let whole = bytes.get(..length) == sound.get(..length);
            assert_eq!($Index::<_, f32>::open(bytes, Check::Everything).is_ok(), whole, "{length} bytes of {}", stringify!($Index));
        }};
    }
    match kind {
        0 => check!(Packed, Packed::<&[u8], f32>::storage_len(m, d)),
        1 => check!(Screened, Screened::<&[u8], f32>::storage_len(m, d)),
        2 => check!(BallTree, BallTree::<&[u8], f32>::storage_len(m, d)),
        3 => check!(MaxTree, MaxTree::<&[u8], f32>::storage_len(m, d, n)),
        4 => check!(Candidates, Candidates::<&[u8], f32>::storage_len(m, d, n, m)),
        6 => check!(Rotated, Rotated::<&[u8], f32>::storage_len(m, d)),
        _ => {}
    }
}

fn use_damaged(level: Level, all: &mut [u8], (ws, d): (MatRef<'_, f32>, usize), scratch: &mut [f32]) {
    // Dimensions of a damaged header are bounded by the bytes that are there.
    let mut room = (vec![0; 4096], vec![0; 4096], vec![0.0f32; 4096]);
    fn ask_any(room: &mut (Vec<u32>, Vec<u32>, Vec<f32>), n: usize, to: impl FnOnce(&mut Hits<'_, f32>) -> Result<(), Error>) {
        let n = n.min(4096);
        let each = 4096 / n.max(1);
        let mut hits = Hits::new(&mut room.0[..n], &mut room.1[..n * each], each)
            .expect("n rooms")
            .with_values(&mut room.2[..n * each])
            .expect("as many");
        let _ = to(&mut hits);
    }
    let row = [0.25f32; 4096];
    macro_rules! reporter {
        ($Index:ident) => {
            if let Ok(mut index) = $Index::<_, f32>::open(&mut *all, Check::Header) {
                let width = index.dim().min(4096);
                let mut scratch = vec![f32::NAN; index.scratch_len().min(1 << 20)];
                ask_any(&mut room, 1, |hits| index.query(level, &row[..width], 0.25, hits, &mut scratch));
                let _ = index.verify(ws);
                for r in 0..3 {
                    let _ = index.update(level, r * 7, &row[..width]);
                }
                ask_any(&mut room, 1, |hits| index.query(level, &row[..width], 0.25, hits, &mut scratch));
                index.seal();
                assert!($Index::<_, f32>::open(&*all, Check::Everything).is_ok(), "{level}: sealed as it is");
            }
        };
    }
    reporter!(Packed);
    reporter!(Screened);
    reporter!(Rotated);
    reporter!(BallTree);
    if let Ok(mut index) = BallTree::<_, f32>::open(&mut *all, Check::Header) {
        let width = index.dim().min(4096);
        for r in [0, 1, 5, 9, 40] {
            let _ = (index.delete(r), index.insert(level, r + 1, &row[..width]), index.contains(r), index.len());
        }
        let _ = index.rebalance(scratch);
        let _ = index.insert(level, 9, &row[..width]);
    }
    if let Ok(mut index) = MaxTree::<_, f32>::open(&mut *all, Check::Header) {
        let n = index.samples();
        if n <= 4096 {
            ask_any(&mut room, n, |hits| index.query_batch(level, ws, 0.25, hits, scratch));
        }
        ask_any(&mut room, 1, |hits| index.query(level, ws, 0, 0.25, hits, scratch));
        let _ = index.verify(level, ws, scratch);
        let _ = index.update(level, 0, &row[..d]);
        let _ = index.replace(level, 0, &row[..d], ws, scratch);
    }
    if let Ok(mut index) = Candidates::<_, f32>::open(&mut *all, Check::Header) {
        let n = index.samples();
        if n <= 4096 {
            ask_any(&mut room, n, |hits| index.query_batch(level, ws, 0.5, hits, &mut []));
        }
        let _ = index.verify(level, ws, &mut []);
        let _ = index.update(level, 0, &row[..d]);
        let _ = index.update_all(level, ws);
        let _ = index.advance(level, ws, scratch);
        let _ = index.rebuild(level, ws, 0.5, scratch);
        ask_any(&mut room, 1, |hits| index.query(level, ws, 0, 0.5, hits, &mut []));
    }
}
