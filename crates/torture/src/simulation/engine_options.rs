//! The options of the engines in a history.

use std::num::NonZeroUsize;

use stonekeep::BackupEngineOptions;

use crate::world;

/// All files here are small: large buffers for each command would take a tenth of the time.
const BUFFER_BYTES: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// Those of every engine.
pub(super) fn options() -> BackupEngineOptions {
    world::options().with_io_buffer_size_bytes(BUFFER_BYTES)
}
