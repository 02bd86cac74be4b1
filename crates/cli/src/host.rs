//! The name of this machine.

/// The host name, as the kernel has it.
pub(crate) fn name() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
}
