//! Files that are whole or not there: written next to their place, then renamed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::train::TrainError;

/// Where the bytes go in the end.
enum Place {
    /// A file to be replaced or made: the file behind a link, its directory, and what it may do now.
    File { path: PathBuf, directory: PathBuf, permissions: Option<fs::Permissions> },
    /// A terminal, a pipe, a device: nothing to rename.
    Stream,
}

fn place(path: &Path) -> io::Result<Place> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")),
        Ok(found) if !found.is_file() => return Ok(Place::Stream),
        Ok(found) => {
            // Renaming would get around a file's own write protection.
            OpenOptions::new().write(true).open(path)?;
            let path = fs::canonicalize(path)?;
            let directory = path.parent().unwrap_or(Path::new("/")).into();
            return Ok(Place::File { path, directory, permissions: Some(found.permissions()) });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not the name of a file"));
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.into(),
        _ => PathBuf::from("."),
    };
    if !directory.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no directory {}", directory.display())));
    }
    Ok(Place::File { path: path.into(), directory, permissions: None })
}

fn temporary(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".subquad-");
    // The default is for secrets, 0600; this is an ordinary file, for the umask to decide.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}

/// Whether [`write_atomically`] will find its place: to be asked before a long computation.
///
/// # Errors
/// What is in the way: no such directory, no permission, a directory of that name.
///
/// ```
/// use subquad::train::check_writable;
///
/// let directory = std::env::temp_dir();
/// assert!(check_writable(&directory.join("model.safetensors")).is_ok());
/// assert!(check_writable(&directory.join("no such directory").join("model.safetensors")).is_err());
/// ```
pub fn check_writable(path: &Path) -> Result<(), TrainError> {
    let check = || match place(path)? {
        Place::Stream => OpenOptions::new().write(true).open(path).map(drop),
        Place::File { directory, .. } => temporary(&directory)?.close(),
    };
    check().map_err(|error| TrainError::file(path, "write", error))
}

/// Writes a whole file or none: into a temporary file in the same directory, flushed to the disk, then renamed.
///
/// A link is followed, an existing file's permissions are kept. What is not a file (a pipe, a terminal) is written to
/// as it is.
///
/// # Errors
/// What the system says. The old file, if there was one, is then untouched.
///
/// ```
/// use subquad::train::write_atomically;
///
/// # let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("note");
/// write_atomically(&path, b"first")?;
/// write_atomically(&path, b"second")?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"second");
/// # Ok::<(), subquad::train::TrainError>(())
/// ```
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let write = || match place(path)? {
        Place::Stream => OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Place::File { path, directory, permissions } => {
            let mut file = temporary(&directory)?;
            file.write_all(bytes)?;
            if let Some(permissions) = permissions {
                file.as_file().set_permissions(permissions)?;
            }
            file.as_file().sync_all()?;
            file.persist(&path).map(drop).map_err(|error| error.error)
        }
    };
    write().map_err(|error| TrainError::file(path, "write", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_nothing_is_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        check_writable(&path).unwrap();
        assert!(!path.exists());
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        for bad in [directory.path().into(), directory.path().join("no/a"), PathBuf::from("/"), PathBuf::new()] {
            assert!(check_writable(&bad).is_err(), "{bad:?}");
            assert!(write_atomically(&bad, b"x").is_err(), "{bad:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_permissions_kept() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        write_atomically(&file, b"one").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomically(&link, b"two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        // A device stays a device.
        write_atomically(Path::new("/dev/null"), b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
