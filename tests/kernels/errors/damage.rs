//! Refusals of indices whose bytes were damaged: each says which of them is wrong.

use super::halfspace::words;
use super::{mat, refusals};
use subquad::halfspace::{BallTree, Candidates, Check, MaxTree, Reporter, Screened, Watcher};
use subquad::{Error, Level, MatRef};

const HEADER: usize = 128;

/// A width of rotated bytes in an index that is not rotated.
pub fn rotated_bytes(w: MatRef<'_, f32>) {
    let len = Screened::<&[u8], f32>::storage_len(w.rows(), w.cols());
    let mut memory = words(len + 4096);
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    Screened::build(w, &mut *bytes).unwrap();
    bytes[48] = 4;
    // The length that the changed dimensions ask for is what the refusal expects.
    if let Err(Error::Length { expected, .. }) = Screened::<_, f32>::open(&*bytes, Check::Header) {
        bytes[16..24].copy_from_slice(&(expected as u64).to_le_bytes());
    }
    let refused = Screened::<_, f32>::open(&*bytes, Check::Header).map(drop);
    refusals(vec![("screened: columns of rotated bytes: expected 0, found 4", refused)]);
}

/// What an index says of itself, one byte behind the header after the other being changed.
fn says(bytes: &mut [u64], verify: impl Fn(&[u8]) -> Result<(), Error>) -> Vec<String> {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(bytes);
    let mut all = Vec::new();
    for at in HEADER..bytes.len() {
        bytes[at] ^= 0x41;
        all.extend(verify(bytes).err().map(|error| error.to_string()));
        bytes[at] ^= 0x41;
    }
    verify(bytes).unwrap();
    all
}

/// Something of what is said begins, and ends, like this.
fn is_said(all: &[String], start: &str, end: &str) {
    assert!(all.iter().any(|text| text.starts_with(start) && text.contains(end)), "{start} .. {end}: {all:#?}");
}

#[test]
fn every_part_of_an_index_is_verified() {
    let (m, d, n, level) = (40, 3, 2, Level::detect());
    let z: Vec<f32> = (0..m * d).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    let (w, x) = (mat(&z, m, d), mat(&z[..n * d], n, d));
    let s = &mut vec![0.0f32; 1 << 15];

    let mut memory = words(Screened::<&[u8], f32>::storage_len(m, d));
    Screened::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut memory)).unwrap();
    let all = says(&mut memory, |bytes| Screened::open(bytes, Check::Header)?.verify(w));
    is_said(&all, "verify: bytes of the index: must be the weights, quantised, which fails at place 39", "");
    is_said(&all, "verify: weights of the index: must be those handed over, bit for bit, -1, found ", " at place 0");

    let mut memory = words(BallTree::<&[u8], f32>::storage_len(m, d));
    BallTree::build(w, bytemuck::cast_slice_mut::<_, u8>(&mut memory), s).unwrap();
    let all = says(&mut memory, |bytes| BallTree::open(bytes, Check::Header)?.verify(w));
    is_said(&all, "verify: places of the tree: must be one per neuron, the others free, found ", " at place ");
    is_said(&all, "verify: places of the tree that are taken: must be as many as neurons, 40, found 41", "");
    is_said(&all, "verify: balls of the tree: must be around all their weights, their radii at least ", " at place 0");

    let mut memory = words(MaxTree::<&[u8], f32>::storage_len(m, d, n));
    MaxTree::build(level, w, x, bytemuck::cast_slice_mut::<_, u8>(&mut memory), s).unwrap();
    let room = s.len();
    let all = says(&mut memory, |bytes| MaxTree::open(bytes, Check::Header)?.verify(level, w, &mut vec![0.0; room]));
    is_said(&all, "verify: maxima in the trees: must be those of the numbers below, ", " at place 1");
    is_said(&all, "verify: values in the trees: must be those of the weights, ", " at place 39");

    let mut memory = words(Candidates::<&[u8], f32>::storage_len(m, d, n, m));
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    let mut lists = Candidates::build(level, w, x, 0.0, 0.1, m, bytes, s).unwrap();
    let mut moved = z.clone();
    moved[7 * d] += 9.0;
    lists.update(level, 7, &moved[7 * d..8 * d]).unwrap();
    let w = mat(&moved, m, d);
    let all = says(&mut memory, |bytes| Candidates::open(bytes, Check::Header)?.verify(level, w, &mut []));
    is_said(&all, "verify: neurons that have moved far: must be all on their list, next 7, found 70 at place 0", "");
    is_said(&all, "verify: candidates: must be ascending, and neurons of the network, less than 40, which fails at place 1", "");
    is_said(&all, "verify: drift of the neurons: must be at least what they have moved, ", " at place 7");
}

/// A tree that lost its free places: where one neuron is gone, there has to be one.
#[test]
fn a_tree_without_free_places_takes_nobody() {
    let (m, d, level) = (5, 3, Level::detect());
    let z = [0.25f32; 15];
    let mut memory = words(BallTree::<&[u8], f32>::storage_len(m, d));
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
    let mut tree = BallTree::build(mat(&z, m, d), &mut *bytes, &mut [0.0f32; 1 << 12]).unwrap();
    tree.delete(2).unwrap();
    let free = |word: &[u8]| word == [255; 4];
    let places: Vec<usize> = (HEADER..bytes.len()).step_by(4).filter(|&at| free(&bytes[at..at + 4])).collect();
    let mut refused = Vec::new();
    // One of these words says that neuron 2 is gone; all others are taken.
    for &kept in &places {
        let mut copy = words(bytes.len());
        let copy: &mut [u8] = bytemuck::cast_slice_mut(&mut copy);
        copy.copy_from_slice(bytes);
        places.iter().filter(|&&at| at != kept).for_each(|&at| copy[at..at + 4].fill(0));
        let mut tree = BallTree::<_, f32>::open(copy, Check::Header).unwrap();
        if !tree.contains(2) {
            refused.push(tree.insert(level, 2, &z[..3]).unwrap_err().to_string());
        }
    }
    assert_eq!(refused, ["insert: free places of the tree: must be (unless the bytes were damaged) at least 1, found 0"]);
}
