//! What the library tells through `tracing`, on standard error.

use std::io;

use tracing_subscriber::filter::LevelFilter;

use crate::output::has_colours;

/// Shows diagnosis from now on, if asked for: once for each step, twice for each file and request.
pub(crate) fn show(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => LevelFilter::INFO,
        _ => LevelFilter::TRACE,
    };
    // The only failure is that somebody set one before, and nobody did.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(has_colours(&io::stderr()))
        .try_init();
}
