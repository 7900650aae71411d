//! A file as memory.

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;

/// Maps a file to read, and nothing of it is read before it is used. The file must stay as it is for as long as the map is there: what
/// another program writes into it appears in the map, and where it is cut off, reading the map ends the program.
pub(super) fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: What could be undefined is that the file changes under a slice of it; no crate can rule that out, and all of them say so.
    // Nothing here writes to a mapped file: programs refuse it as their output, and `write_atomically` puts a new file in the place of an
    // old one, which leaves the mapped one as it was. Every bit pattern is a valid u8, and a valid f32.
    Ok(unsafe { Mmap::map(&file)? })
}
