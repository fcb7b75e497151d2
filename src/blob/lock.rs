//! A folder that one process works on at a time.
//!
//! The lock is the system's, on an open file: it ends with its process, however that ends.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The file that is locked while a process works on the folder. Nothing stands in it.
const LOCK: &str = "lock";

/// Takes a folder, which exists, for this process until the file is dropped; `None` while another has
/// it. Blocks.
///
/// # Errors
/// The system's.
pub fn take(folder: &Path) -> io::Result<Option<File>> {
    let mut options = File::options();
    let lock = options.create(true).truncate(false).write(true).mode(0o600);
    let lock = lock.open(folder.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
