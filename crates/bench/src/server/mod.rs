//! The servers that hold remote repositories, as the environment names them.

pub(crate) mod bucket;
pub(crate) mod hadoop;
pub(crate) mod proxy;
mod put;

use std::sync::OnceLock;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

/// The threads that talk to servers on behalf of this process.
///
/// # Errors
/// If they cannot be started.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("starting the threads of the network")?;
    Ok(RUNTIME.get_or_init(|| runtime))
}
