//! What a handle of a store has beside the place: who sees its operations, and who may ask to stop.

use std::fmt;
use std::iter;
use std::sync::Arc;

use super::operation::Interceptor;
use crate::{Error, Result};

/// See the [module](self).
#[derive(Debug, Clone)]
pub(super) struct Around {
    pub(super) interceptors: Arc<[Arc<dyn Interceptor>]>,
    asked: Asked,
}

/// What tells whether to stop; by itself it never says so.
#[derive(Clone)]
struct Asked(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Around {
    /// Nobody.
    pub(super) fn nobody() -> Self {
        Around {
            interceptors: Arc::new([]),
            asked: Asked(None),
        }
    }

    /// With one more, which comes before the others.
    pub(super) fn with_interceptor(&self, interceptor: Arc<dyn Interceptor>) -> Self {
        let others = self.interceptors.iter().cloned();
        Around {
            interceptors: iter::once(interceptor).chain(others).collect(),
            asked: self.asked.clone(),
        }
    }

    pub(super) fn with_stop(&self, should_stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Around {
            interceptors: Arc::clone(&self.interceptors),
            asked: Asked(Some(Arc::new(should_stop))),
        }
    }

    /// # Errors
    /// `Stopped` if somebody has asked for it.
    pub(super) fn check_stop(&self) -> Result<()> {
        match &self.asked.0 {
            Some(should_stop) if should_stop() => Err(Error::stopped()),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asked").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn it_shows_whether_somebody_may_stop_it() {
        let nobody = Around::nobody();
        assert!(
            format!("{nobody:?}").contains("asked: Asked(false)"),
            "{nobody:?}"
        );
        nobody.check_stop().unwrap();
        for should_stop in [true, false] {
            let around = nobody.with_stop(move || should_stop);
            assert!(format!("{around:?}").contains("asked: Asked(true)"), "{around:?}");
            let stopped = around.check_stop().err().map(|error| error.kind());
            assert_eq!(stopped, should_stop.then_some(ErrorKind::Stopped));
        }
    }
}
