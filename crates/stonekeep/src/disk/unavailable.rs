//! Answers of the system which say that a call is not to be had here, not that it failed.

use rustix::io::Errno;

/// Whether a call is unknown to the kernel, to the file system or to the filter of a container. Filters answer calls
/// that they do not list with `EPERM`, newer ones with `ENOSYS`. `EPERM` and `EACCES` have other meanings, too: what
/// stands in for the call shows which one it was, since it then fails in the same way.
pub(crate) fn is_unavailable(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOSYS | Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP | Errno::INVAL
    )
}
