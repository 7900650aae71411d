//! Indexes as bytes: a checked header, then sections, each a slice of numbers in place.

use bytemuck::Pod;

use crate::error::{Error, Figure};
use crate::scratch::{all_of, copy};

/// Bytes of the header.
const HEADER: usize = size_of::<Header>();
/// Sections begin at multiples of this many bytes, so that a buffer that is aligned to a cache line stays so.
const ALIGN: usize = 64;
const MAGIC: [u8; 8] = *b"subquadH";
/// Changes whenever an older program could misread a newer index.
const VERSION: u32 = 1;

/// What the bytes are an index of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Kind {
    Packed = 1,
    Screened = 2,
    MaxTree = 3,
    BallTree = 4,
    Candidates = 5,
    Rotated = 6,
}

/// The first 128 bytes, as little-endian words: the magic, then version, kind and float size, then these.
type Header = [u64; 16];
/// The index's length in bytes, header included.
const LENGTH: usize = 2;
/// Of everything else; 0 where the index has been changed since.
const CHECKSUM: usize = 3;
/// m, d, n, and one dimension more, as the kind has them.
const DIMS: usize = 4;
/// What the kind remembers.
const STATE: usize = 8;

/// The second word.
const fn label(version: u32, kind: u16, float: u16) -> u64 {
    version as u64 | (kind as u64) << 32 | (float as u64) << 48
}

/// How much of an index is checked when it is opened.
///
/// ```
/// use subquad::{MatRef, halfspace::{Check, Packed}};
///
/// let mut bytes = vec![0u64; Packed::<&[u8], f32>::storage_len(1, 2) / 8];
/// Packed::build(MatRef::new(&[1.0f32, 2.0], 1, 2)?, bytemuck::cast_slice_mut::<u64, u8>(&mut bytes))?;
/// *bytes.last_mut().unwrap() ^= 1; // damage
/// let damaged = bytemuck::cast_slice::<u64, u8>(&bytes);
/// assert!(Packed::<_, f32>::open(damaged, Check::Header).is_ok());
/// assert!(Packed::<_, f32>::open(damaged, Check::Everything).is_err());
/// # Ok::<(), subquad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The header and the length: constant time, the bytes behind are not read. Enough for safety, always: an index
    /// whose bytes were damaged may then answer wrongly, but never reads outside its buffer and never panics.
    Header,
    /// The checksum too: one pass over all bytes. The index must be [sealed](crate::halfspace::Packed::seal) as
    /// building leaves it.
    Everything,
}

/// Bytes of a section, padding included.
pub(super) const fn section_len(numbers: usize, size: usize) -> usize {
    let bytes = numbers.saturating_mul(size);
    if bytes > usize::MAX - ALIGN { usize::MAX } else { bytes.div_ceil(ALIGN) * ALIGN }
}

/// Bytes of an index with these sections.
pub(super) const fn index_len(sections: &[usize]) -> usize {
    let all = all_of(sections);
    all_of(&[HEADER, all])
}

/// Splits the next section off; empty where there is not enough left, which a checked length rules out.
#[inline(always)]
pub(super) fn next<'a, U: Pod>(rest: &mut &'a [u8], numbers: usize) -> &'a [U] {
    let Some((section, left)) = rest.split_at_checked(section_len(numbers, size_of::<U>())) else { return &[] };
    *rest = left;
    section.get(..numbers * size_of::<U>()).and_then(|s| bytemuck::try_cast_slice(s).ok()).unwrap_or_default()
}

/// Splits the next section off, to write.
#[inline(always)]
pub(super) fn next_mut<'a, U: Pod>(rest: &mut &'a mut [u8], numbers: usize) -> &'a mut [U] {
    let all = core::mem::take(rest);
    let Some((section, left)) = all.split_at_mut_checked(section_len(numbers, size_of::<U>())) else { return &mut [] };
    *rest = left;
    section.get_mut(..numbers * size_of::<U>()).and_then(|s| bytemuck::try_cast_slice_mut(s).ok()).unwrap_or_default()
}

/// Bytes with a header that has been checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Index<B> {
    bytes: B,
    /// m, d, n, and one more: as they were when the header was checked.
    pub dims: [usize; 4],
    /// The index's own length: the buffer may be longer.
    length: usize,
}

impl<B: AsRef<[u8]>> Index<B> {
    /// Checks everything that can be told from the header. `length_of` gives the length that belongs to the dimensions.
    pub fn open(bytes: B, kind: Kind, float: usize, check: Check, length_of: impl FnOnce([usize; 4]) -> usize) -> Result<Self, Error> {
        let all = bytes.as_ref();
        if cfg!(target_endian = "big") {
            return Err(Error::value("index: byte order of this machine", "little-endian", Figure::Nothing));
        }
        expect_aligned(all)?;
        let Some(header) = header_of(all) else { return Err(Error::too_short("index: header", HEADER, all.len())) };
        if header[0] != u64::from_le_bytes(MAGIC) {
            return Err(Error::limited(
                "index: first eight bytes",
                "those of a half-space index, `subquadH`,",
                Figure::Bits(u64::from_le_bytes(MAGIC)),
                Figure::Bits(header[0]),
            ));
        }
        let (version, found_kind, found_float) = (header[1] as u32, (header[1] >> 32) as u16, (header[1] >> 48) as u16);
        if version != VERSION {
            return Err(Error::length("index: version", VERSION as usize, version as usize));
        }
        if found_kind != kind as u16 {
            return Err(Error::length("index: kind of structure", kind as usize, found_kind.into()));
        }
        if usize::from(found_float) != float {
            return Err(Error::length("index: bytes of a float", float, found_float.into()));
        }
        let mut dims = [0; 4];
        for (to, from) in dims.iter_mut().zip(&header[DIMS..STATE]) {
            *to = usize::try_from(*from).map_err(|_| Error::Overflow {
                what: "index: a dimension",
                factors: (*from, 1),
                bits: usize::BITS,
            })?;
        }
        if u32::try_from(dims[0]).is_err() {
            return Err(Error::index("index: number of neurons as a 32-bit index", dims[0] as u64));
        }
        let length = length_of(dims);
        if u64::try_from(length) != Ok(header[LENGTH]) {
            return Err(Error::length("index: bytes, as its dimensions have it", length, header[LENGTH] as usize));
        }
        let Some(whole) = all.get(..length) else { return Err(Error::too_short("index: bytes", length, all.len())) };
        if check == Check::Everything {
            let sum = checksum(whole);
            // An index that was not sealed has none, 0.
            if header[CHECKSUM] == 0 || header[CHECKSUM] != sum {
                let expected = "that of the bytes (they were damaged, or changed and not sealed),";
                return Err(Error::limited("index: checksum", expected, Figure::Bits(sum), Figure::Bits(header[CHECKSUM])));
            }
        }
        Ok(Self { bytes, dims, length })
    }

    /// Everything behind the header.
    #[inline(always)]
    pub fn body(&self) -> &[u8] {
        self.bytes.as_ref().get(HEADER..self.length).unwrap_or_default()
    }

    pub fn state(&self) -> [u64; 8] {
        let (header, mut state) = (header_of(self.bytes.as_ref()).unwrap_or_default(), [0; 8]);
        copy(&header[STATE..], &mut state);
        state
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Index<B> {
    /// Writes a header; what stands behind it is left alone.
    pub fn create(mut bytes: B, kind: Kind, float: usize, dims: [usize; 4], length: usize) -> Result<Self, Error> {
        if cfg!(target_endian = "big") {
            return Err(Error::value("index: byte order of this machine", "little-endian", Figure::Nothing));
        }
        if u32::try_from(dims[0]).is_err() {
            return Err(Error::index("index: number of neurons as a 32-bit index", dims[0] as u64));
        }
        let all = bytes.as_mut();
        expect_aligned(all)?;
        let found = all.len();
        // Padding has one value, so that equal indexes are equal bytes.
        all.get_mut(..length).ok_or(Error::too_short("index: bytes", length, found))?.fill(0);
        let mut created = Self { bytes, dims, length };
        created.change(|header| {
            header[0] = u64::from_le_bytes(MAGIC);
            header[1] = label(VERSION, kind as u16, float as u16);
            header[LENGTH] = length as u64;
            header[DIMS..STATE].iter_mut().zip(dims).for_each(|(to, dim)| *to = dim as u64);
        });
        Ok(created)
    }

    /// Everything behind the header, to write: the index is no longer sealed.
    #[inline(always)]
    pub fn body_mut(&mut self) -> &mut [u8] {
        self.change(|header| header[CHECKSUM] = 0);
        self.bytes.as_mut().get_mut(HEADER..self.length).unwrap_or_default()
    }

    pub fn set_state(&mut self, state: [u64; 8]) {
        self.change(|header| {
            header[STATE..].copy_from_slice(&state);
            header[CHECKSUM] = 0;
        });
    }

    pub fn seal(&mut self) {
        let sum = self.bytes.as_ref().get(..self.length).map_or(0, checksum);
        self.change(|header| header[CHECKSUM] = sum);
    }

    fn change(&mut self, f: impl FnOnce(&mut Header)) {
        if let Some(first) = self.bytes.as_mut().get_mut(..HEADER)
            && let Ok(header) = bytemuck::try_from_bytes_mut(first)
        {
            f(header);
        }
    }
}

/// The header of bytes that are long enough for one.
fn header_of(bytes: &[u8]) -> Option<Header> {
    bytes.get(..HEADER).and_then(|first| bytemuck::try_pod_read_unaligned(first).ok())
}

/// Of all bytes but the checksum's own, which count as 0; never 0. Four chains, so that multiplications overlap.
fn checksum(bytes: &[u8]) -> u64 {
    let mut sums = [1u64, 2, 3, 4];
    for (i, word) in bytes.as_chunks::<8>().0.iter().enumerate() {
        let word = if i == CHECKSUM { 0 } else { u64::from_le_bytes(*word) };
        let sum = &mut sums[i % 4];
        *sum = (*sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
    let all = sums.iter().fold(bytes.len() as u64, |all, sum| (all ^ sum).wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(31));
    if all == 0 { 1 } else { all }
}

/// Numbers of 8 bytes are read where they stand. Where there are none, what is wrong is how many there are.
fn expect_aligned(bytes: &[u8]) -> Result<(), Error> {
    match bytes.as_ptr().addr() % 8 {
        over if over == 0 || bytes.is_empty() => Ok(()),
        over => Err(Error::limited("index: address of the first byte, modulo 8", "", Figure::Count(0), Figure::Count(over))),
    }
}
