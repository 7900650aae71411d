//! Refusals of half-space reporting: indexes, hits, and what moves.

use super::{HUGE, damage, mat, refusals};
use subquad::halfspace::{
    BallTree, Candidates, Check, Hits, MaxTree, Moving, Packed, Reporter, Rotated, Screened, Watcher, scan, scan_scratch_len,
};
use subquad::{Error, Figure, Level, MatRef};

/// Room for an index.
pub(super) fn words(bytes: usize) -> Vec<u64> {
    vec![0; bytes / 8]
}

#[test]
fn reporting() {
    let level = Level::detect();
    let (m, d, n) = (5, 3, 2);
    let z = [0.25f32; 64];
    let (w, x, narrow) = (mat(&z[..15], m, d), mat(&z[..6], n, d), mat(&z[..4], n, 2));
    let s = &mut vec![0.0f32; 1 << 15];
    let (mut c, mut ids, mut c1, mut ids1) = ([0u32; 2], [0u32; 8], [0u32; 1], [0u32; 4]);
    let short = |need: usize| format!("scratch: needs at least {need} elements, found {}", need - 1);
    let sl = scan_scratch_len(d, m);
    refusals(vec![
        ("hits: indices, against queries x room: expected 10, found 8", Hits::<f32>::new(&mut c, &mut ids, 5).map(drop)),
        (
            &format!("hits: indices, against queries x room: expected {}, found 8", usize::MAX),
            Hits::<f32>::new(&mut c, &mut ids, usize::MAX).map(drop),
        ),
        (
            "hits: values, against indices: expected 8, found 7",
            Hits::new(&mut c, &mut ids, 4).unwrap().with_values(&mut [0.0f32; 7]).map(drop),
        ),
        (
            "scan: columns of X, against columns of W: expected 3, found 2",
            scan(level, w, narrow, 0.0, &mut Hits::new(&mut c, &mut ids, 4).unwrap(), s),
        ),
        (
            "scan: queries of the hits, against rows of X: expected 2, found 1",
            scan(level, w, x, 0.0, &mut Hits::new(&mut c1, &mut ids1, 4).unwrap(), s),
        ),
        (&short(sl), scan(level, w, x, 0.0, &mut Hits::new(&mut c, &mut ids, 4).unwrap(), &mut s[..sl - 1])),
    ]);
    if usize::BITS == 64 {
        let many = MatRef::<f32>::new(&[], 1 << 32, 0).unwrap();
        let mut hits = Hits::new(&mut c1, &mut ids1, 4).unwrap();
        let found = scan(level, many, mat(&[], 1, 0), 0.0, &mut hits, s);
        refusals(vec![
            ("scan: number of neurons as a 32-bit index: 4294967296 does not fit 32 bits", found),
            (
                "index: number of neurons as a 32-bit index: 4294967296 does not fit 32 bits",
                Packed::build(many, &mut [0u8; 0][..]).map(drop),
            ),
        ]);
    }

    macro_rules! reporter {
        ($Index:ident, $build:expr) => {{
            let len = $Index::<&[u8], f32>::storage_len(m, d);
            let mut memory = words(len + 64);
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
            let build: fn(MatRef<'_, f32>, &mut [u8], &mut [f32]) -> Result<(), Error> = $build;
            let shorter = format!("index: bytes: needs at least {len} elements, found {}", len - 1);
            refusals(vec![
                (&shorter, build(w, &mut bytes[..len - 1], s)),
                ("index: address of the first byte, modulo 8: must be 0, found 4", build(w, &mut bytes[4..], s)),
            ]);
            build(w, bytes, s).unwrap();
            let open = |bytes: &[u8]| $Index::<_, f32>::open(bytes, Check::Everything).map(drop);
            let with = |at: usize, value: u8| {
                let mut copy = words(len + 64);
                let copy: &mut [u8] = bytemuck::cast_slice_mut(&mut copy);
                copy.copy_from_slice(bytes);
                copy[at] = value;
                open(copy)
            };
            let kind = bytes[12] as usize;
            // The number of neurons is a word: where addresses have 32 bits, it does not even fit them.
            let wide = if usize::BITS == 64 { "index: number of neurons as a 32-bit index" } else { "index: a dimension" };
            let wide = format!("{wide}: {} does not fit 32 bits", (1u64 << 32) + m as u64);
            // Of the numbers of a header only their first halves differ: sums are read from the bytes.
            let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            let sum = |at: usize, value: u8| {
                let refused = with(at, value).unwrap_err();
                let Error::Value { limit: Figure::Bits(wanted), found: Figure::Bits(found), .. } = refused else { panic!("{refused}") };
                assert!(wanted != found && found == word(24) ^ u64::from(at == 24));
                let start = "index: checksum: must be that of the bytes (they were damaged, or changed and not sealed),";
                assert_eq!(refused.to_string(), format!("{start} {wanted:#x}, found {found:#x}"));
            };
            sum(len - 1, 9);
            sum(24, bytes[24] ^ 1);
            refusals(vec![
                ("index: header: needs at least 128 elements, found 127", open(&bytes[..127])),
                (&shorter, open(&bytes[..len - 1])),
                ("index: address of the first byte, modulo 8: must be 0, found 4", open(&bytes[4..])),
                ("index: first eight bytes: must be those of a half-space index, `subquadH`, 0x4864617571627573, found 0x4864617571627500", with(0, 0)),
                ("index: version: expected 1, found 2", with(8, 2)),
                (&format!("index: kind of structure: expected {kind}, found 77"), with(12, 77)),
                ("index: bytes of a float: expected 4, found 8", with(14, 8)),
                (&wide, with(36, 1)),
            ]);
            let lengths = with(16, bytes[16] ^ 1).unwrap_err().to_string();
            assert!(lengths.starts_with(&format!("index: bytes, as its dimensions have it: expected {len}, found ")), "{lengths}");
            let mut index = $Index::<_, f32>::open(&mut *bytes, Check::Everything).unwrap();
            let need = index.scratch_len();
            assert_eq!(need, $Index::<&[u8], f32>::query_scratch_len(m, d));
            refusals(vec![
                (
                    "query: columns of X, against columns of W: expected 3, found 2",
                    Reporter::query_batch(&index, level, narrow, 0.0, &mut Hits::new(&mut c, &mut ids, 4).unwrap(), s),
                ),
                (
                    "query: columns of X, against columns of W: expected 3, found 2",
                    Reporter::query(&index, level, &z[..2], 0.0, &mut Hits::new(&mut c1, &mut ids1, 4).unwrap(), s),
                ),
                (
                    "query: queries of the hits, against rows of X: expected 2, found 1",
                    Reporter::query_batch(&index, level, x, 0.0, &mut Hits::new(&mut c1, &mut ids1, 4).unwrap(), s),
                ),
                (&short(need), Reporter::query_batch(&index, level, x, 0.0, &mut Hits::new(&mut c, &mut ids, 4).unwrap(), &mut s[..need - 1])),
                ("update: length of the row: expected 3, found 2", $Index::update(&mut index, level, 0, &z[..2])),
                ("update: neuron: must be less than 5, found 5", Moving::update(&mut index, level, m, &z[..3])),
                ("verify: rows of W: expected 5, found 4", Reporter::verify(&index, mat(&z[..12], 4, 3))),
                ("verify: columns of W: expected 3, found 2", Reporter::verify(&index, mat(&z[..10], 5, 2))),
                ("verify: weights of the index: must be those handed over, bit for bit, 0.5, found 0.25 at place 0", Reporter::verify(&index, mat(&[0.5; 15], 5, 3))),
            ]);
        }};
    }
    damage::rotated_bytes(w);
    reporter!(Packed, |w, bytes, _| Packed::build(w, bytes).map(drop));
    reporter!(Screened, |w, bytes, _| Screened::build(w, bytes).map(drop));
    reporter!(Rotated, |w, bytes, _| Rotated::build(Level::detect(), w, 1, bytes).map(drop));
    reporter!(BallTree, |w, bytes, s| BallTree::build(w, bytes, s).map(drop));

    let len = BallTree::<&[u8], f32>::storage_len(m, d);
    let mut memory = words(len);
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    let (b, r) = (BallTree::<&[u8], f32>::build_scratch_len(m, d), BallTree::<&[u8], f32>::rebalance_scratch_len(m, d));
    refusals(vec![(&short(b), BallTree::build(w, &mut *bytes, &mut s[..b - 1]).map(drop))]);
    let mut tree = BallTree::build(w, bytes, s).unwrap();
    refusals(vec![
        (&short(r), tree.rebalance(&mut s[..r - 1])),
        ("insert: length of the row: expected 3, found 2", tree.insert(level, 0, &z[..2])),
        ("insert: neuron: must be less than 5, found 5", tree.insert(level, m, &z[..3])),
        ("insert: neuron: must be one that is not there, found 0", tree.insert(level, 0, &z[..3])),
        ("delete: neuron: must be less than 5, found 5", tree.delete(m)),
        ("delete: neuron: must be one that is there, found 0", tree.delete(0).and_then(|()| tree.delete(0))),
        (
            "build: room for neurons: needs at least 5 elements, found 4",
            BallTree::build_with_room(w, m - 1, bytemuck::cast_slice_mut::<u64, u8>(&mut words(len)), s).map(drop),
        ),
    ]);
    let mut memory = words(Screened::<&[u8], f32>::storage_len(m, d));
    let screened = Screened::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut memory)).unwrap();
    let mut memory = words(Rotated::<&[u8], f32>::storage_len(m, d));
    let rotated = Rotated::build(level, w, 1, bytemuck::cast_slice_mut::<_, u8>(&mut memory)).unwrap();
    let counting = |x: MatRef<'_, f32>, queries: usize, room: usize| {
        let (mut counts, mut s) = ([0; 2], vec![0.0; room]);
        let mut hits = Hits::new(&mut counts[..queries], &mut [], 0).unwrap();
        let of_screened = Screened::query_batch_counting(&screened, level, x, 0.0, &mut hits, &mut s).map(drop);
        (of_screened, Rotated::query_batch_counting(&rotated, level, x, 0.0, &mut hits, &mut s).map(drop))
    };
    let need = Rotated::<&[u8], f32>::query_scratch_len(m, d);
    let (of_screened, of_rotated) = (counting(x, 1, need), counting(narrow, 2, need));
    refusals(vec![
        ("query: queries of the hits, against rows of X: expected 2, found 1", of_screened.0),
        ("query: queries of the hits, against rows of X: expected 2, found 1", of_screened.1),
        ("query: columns of X, against columns of W: expected 3, found 2", of_rotated.0),
        ("query: columns of X, against columns of W: expected 3, found 2", of_rotated.1),
        (&short(screened.scratch_len()), counting(x, 2, screened.scratch_len() - 1).0),
        (&short(need), counting(x, 2, need - 1).1),
    ]);
    let (broad, mut room) = (MatRef::<f32>::new(&[], 0, 65_537).unwrap(), words(1024));
    refusals(vec![(
        "screened: d: must be small enough for sums of 32 bits, at most 65536, found 65537",
        Screened::build(broad, bytemuck::cast_slice_mut::<_, u8>(&mut room)).map(drop),
    )]);
}

#[test]
fn moving_weights() {
    let level = Level::detect();
    let (m, d, n) = (5, 3, 2);
    let z = [0.25f32; 64];
    let (w, x, narrow) = (mat(&z[..15], m, d), mat(&z[..6], n, d), mat(&z[..4], n, 2));
    let s = &mut vec![0.0f32; 1 << 15];
    let (mut c, mut ids, mut c1, mut ids1) = ([0u32; 2], [0u32; 8], [0u32; 1], [0u32; 4]);
    let short = |need: usize| format!("scratch: needs at least {need} elements, found {}", need - 1);
    let (sl, ql) = (MaxTree::<&[u8], f32>::build_scratch_len(m, d), MaxTree::<&[u8], f32>::query_scratch_len(m, d));
    let mut memory = words(MaxTree::<&[u8], f32>::storage_len(m, d, n));
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    refusals(vec![
        ("max tree: columns of X, against columns of W: expected 3, found 2", MaxTree::build(level, w, narrow, &mut *bytes, s).map(drop)),
        (&short(sl), MaxTree::build(level, w, x, &mut *bytes, &mut s[..sl - 1]).map(drop)),
    ]);
    MaxTree::build(level, w, x, &mut *bytes, s).unwrap();
    let tree_len = bytes.len();
    refusals(vec![
        ("index: header: needs at least 128 elements, found 127", MaxTree::<_, f32>::open(&bytes[..127], Check::Header).map(drop)),
        (
            &format!("index: bytes: needs at least {tree_len} elements, found {}", tree_len - 1),
            MaxTree::<_, f32>::open(&bytes[..tree_len - 1], Check::Header).map(drop),
        ),
        ("index: bytes of a float: expected 8, found 4", MaxTree::<_, f64>::open(&*bytes, Check::Header).map(drop)),
        ("index: kind of structure: expected 5, found 3", Candidates::<_, f32>::open(&*bytes, Check::Header).map(drop)),
    ]);
    let mut tree = MaxTree::<_, f32>::open(bytes, Check::Everything).unwrap();
    macro_rules! hits {
        (1) => {
            &mut Hits::new(&mut c1, &mut ids1, 4).unwrap()
        };
        (2) => {
            &mut Hits::new(&mut c, &mut ids, 4).unwrap()
        };
    }
    refusals(vec![
        ("query: queries of the hits: expected 1, found 2", Watcher::query(&tree, level, w, 0, 0.0, hits!(2), s)),
        ("query: end of the samples: must be at most 2, found 3", Watcher::query(&tree, level, w, n, 0.0, hits!(1), s)),
        ("query: end of the samples: must be at most 2, found 3", Watcher::query_from(&tree, level, w, n, 0.0, hits!(1), s)),
        ("query: queries of the hits, against samples: expected 2, found 1", Watcher::query_batch(&tree, level, w, 0.0, hits!(1), s)),
        ("query: rows of W: expected 5, found 4", Watcher::query_batch(&tree, level, mat(&z[..12], 4, 3), 0.0, hits!(2), s)),
        ("query: columns of W: expected 3, found 2", Watcher::query_batch(&tree, level, mat(&z[..10], 5, 2), 0.0, hits!(2), s)),
        (&short(ql), Watcher::query_batch(&tree, level, w, 0.0, hits!(2), &mut s[..ql - 1])),
        ("verify: rows of W: expected 5, found 4", Watcher::verify(&tree, level, mat(&z[..12], 4, 3), s)),
        ("verify: columns of W: expected 3, found 2", Watcher::verify(&tree, level, mat(&z[..10], 5, 2), s)),
        (
            "verify: values in the trees: must be those of the weights, 0.375, found 0.1875 at place 0",
            Watcher::verify(&tree, level, mat(&[0.5; 15], 5, 3), s),
        ),
        (&short(sl), Watcher::verify(&tree, level, w, &mut s[..sl - 1])),
        ("update: length of the row: expected 3, found 2", MaxTree::update(&mut tree, level, 0, &z[..2])),
        ("update: neuron: must be less than 5, found 5", tree.update(level, m, &z[..3])),
        ("update: rows of W, against neurons: expected 1, found 2", tree.update_batch(level, &[0], mat(&z[..6], 2, 3), s)),
        ("update: columns of W: expected 3, found 2", tree.update_batch(level, &[0], mat(&z[..2], 1, 2), s)),
        ("update: neuron: must be less than 5, found 5 at place 0", tree.update_batch(level, &[5], mat(&z[..3], 1, 3), s)),
        (&short(sl), tree.update_batch(level, &[0], mat(&z[..3], 1, 3), &mut s[..sl - 1])),
        ("replace: length of the sample: expected 3, found 2", tree.replace(level, 0, &z[..2], w, s)),
        ("replace: rows of W: expected 5, found 4", tree.replace(level, 0, &z[..3], mat(&z[..12], 4, 3), s)),
        ("replace: columns of W: expected 3, found 2", tree.replace(level, 0, &z[..3], mat(&z[..10], 5, 2), s)),
        ("replace: sample: must be less than 2, found 2", tree.replace(level, n, &z[..3], w, s)),
        (&short(sl), tree.replace(level, 0, &z[..3], w, &mut s[..sl - 1])),
    ]);

    let sl = Candidates::<&[u8], f32>::build_scratch_len(m, d, n);
    let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, 4));
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    let rho = |found: &str| format!("candidates: rho: must be not negative, and at most 1.2e15, found {found}");
    refusals(vec![
        (
            "candidates: columns of X, against columns of W: expected 3, found 2",
            Candidates::build(level, w, narrow, 0.0, 0.1, 4, &mut *bytes, s).map(drop),
        ),
        (&rho("-0.1"), Candidates::build(level, w, x, 0.0, -0.1, 4, &mut *bytes, s).map(drop)),
        (&rho("NaN"), Candidates::build(level, w, x, 0.0, f64::NAN, 4, &mut *bytes, s).map(drop)),
        (&rho("inf"), Candidates::build(level, w, x, 0.0, f64::INFINITY, 4, &mut *bytes, s).map(drop)),
        (&short(sl), Candidates::build(level, w, x, 0.0, 0.1, 4, &mut *bytes, &mut s[..sl - 1]).map(drop)),
        (
            &format!("index: bytes: needs at least {} elements, found {}", usize::MAX, bytes.len()),
            Candidates::build(level, w, x, 0.0, 0.1, HUGE, &mut *bytes, s).map(drop),
        ),
    ]);
    Candidates::build(level, w, x, 0.0, 0.1, 4, &mut *bytes, s).unwrap();
    let lists_len = bytes.len();
    refusals(vec![
        (
            &format!("index: bytes: needs at least {lists_len} elements, found {}", lists_len - 1),
            Candidates::<_, f32>::open(&bytes[..lists_len - 1], Check::Header).map(drop),
        ),
        ("index: kind of structure: expected 3, found 5", MaxTree::<_, f32>::open(&*bytes, Check::Header).map(drop)),
    ]);
    let mut index = Candidates::<_, f32>::open(bytes, Check::Everything).unwrap();
    let columns = MatRef::with_strides(&z, m, d, 6, 2).unwrap();
    refusals(vec![
        ("query: queries of the hits: expected 1, found 2", Watcher::query(&index, level, w, 0, 0.0, hits!(2), &mut [])),
        ("query: end of the samples: must be at most 2, found 3", Watcher::query(&index, level, w, n, 0.0, hits!(1), &mut [])),
        ("query: end of the samples: must be at most 2, found 3", Watcher::query_from(&index, level, w, n, 0.0, hits!(1), &mut [])),
        (
            "query: queries of the hits, against samples: expected 2, found 1",
            Watcher::query_batch(&index, level, w, 0.0, hits!(1), &mut []),
        ),
        ("query: rows of W: expected 5, found 4", Watcher::query_batch(&index, level, mat(&z[..12], 4, 3), 0.0, hits!(2), &mut [])),
        ("query: columns of W: expected 3, found 2", Watcher::query_batch(&index, level, mat(&z[..10], 5, 2), 0.0, hits!(2), &mut [])),
        (
            "query: threshold: must be at least that of the lists, 0, found -0.1",
            Watcher::query_batch(&index, level, w, -0.1, hits!(2), &mut []),
        ),
        ("query: column stride of W: must be 1, found 2", Watcher::query_batch(&index, level, columns, 0.0, hits!(2), &mut [])),
        ("verify: rows of W: expected 5, found 4", Watcher::verify(&index, level, mat(&z[..12], 4, 3), &mut [])),
        ("verify: columns of W: expected 3, found 2", Watcher::verify(&index, level, mat(&z[..10], 5, 2), &mut [])),
        (
            "verify: drift of the neurons: must be at least what they have moved, 0.43301532, found 0 at place 0",
            Watcher::verify(&index, level, mat(&[0.5; 15], 5, 3), &mut []),
        ),
        ("update: length of the row: expected 3, found 2", Candidates::update(&mut index, level, 0, &z[..2])),
        ("update: neuron: must be less than 5, found 5", index.update(level, m, &z[..3])),
        ("update: rows of W: expected 5, found 4", index.update_all(level, mat(&z[..12], 4, 3))),
        ("update: columns of W: expected 3, found 2", index.update_all(level, mat(&z[..10], 5, 2))),
        ("update: column stride of W: must be 1, found 2", index.update_all(level, columns)),
        ("update: rows of W: expected 5, found 4", index.advance(level, mat(&z[..12], 4, 3), s).map(drop)),
        ("rebuild: rows of W: expected 5, found 4", index.rebuild(level, mat(&z[..12], 4, 3), 0.1, s)),
        ("rebuild: columns of W: expected 3, found 2", index.rebuild(level, mat(&z[..10], 5, 2), 0.1, s)),
        (&rho("-1"), index.rebuild(level, w, -1.0, s)),
        (&short(sl), index.rebuild(level, w, 0.1, &mut s[..sl - 1])),
    ]);
}
