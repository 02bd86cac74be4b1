//! Steps of a hot capture at which a test can wait or interfere.

use std::fmt;
use std::sync::Arc;

/// What a hot capture is about to do.
#[cfg_attr(
    not(feature = "probes"),
    expect(unreachable_pub, reason = "the feature makes it public")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// To read CURRENT and the MANIFEST, or what was added to it.
    ReadState,
    /// To open a table, a blob or a WAL.
    OpenFile,
    /// To let the host take files early.
    TakeFiles,
    /// To list the directory of the WALs.
    ListWals,
    /// To take the length of a WAL.
    MeasureWal,
    /// To look whether anything was added to the MANIFEST.
    Close,
    /// To look whether a recycled WAL still has its name.
    CheckRecycled,
    /// To read the WALs through.
    ScanWals,
    /// To read OPTIONS.
    ReadOptions,
}

/// Called by a hot capture on its thread.
#[cfg_attr(
    not(feature = "probes"),
    expect(unreachable_pub, reason = "the feature makes it public")
)]
pub trait Probe: fmt::Debug + Send + Sync {
    /// Called before each step.
    fn at(&self, step: Step) {
        let _ = step;
    }

    /// Whether the capture continues as if nothing had been added to the MANIFEST. The result is wrong: it shows that a test
    /// can fail.
    fn ignores_closing_check(&self) -> bool {
        false
    }
}

/// The probe of a capture, if there is one.
#[derive(Debug, Clone, Default)]
pub(in crate::image) struct Probes(pub(in crate::image) Option<Arc<dyn Probe>>);

impl Probes {
    /// Before each step.
    pub(in crate::image) fn at(&self, step: Step) {
        if let Some(probe) = &self.0 {
            probe.at(step);
        }
    }

    /// Whether the closing check does not count.
    pub(in crate::image) fn ignore_closing_check(&self) -> bool {
        let probe = self.0.as_ref();
        probe.is_some_and(|probe| probe.ignores_closing_check())
    }
}
