//! The writer's lock or a pin, held until it is dropped.

use std::sync::Arc;
use std::time::Duration;

use super::Interceptor;
use super::contract::Lease;
use crate::{Error, ErrorKind, Result};

/// Holds the writer's lock or a pin; dropping it releases it.
#[derive(Debug)]
pub struct Held {
    lease: Option<Box<dyn Lease>>,
    interceptors: Arc<[Arc<dyn Interceptor>]>,
}

impl Held {
    pub(super) fn new(lease: Box<dyn Lease>, interceptors: Arc<[Arc<dyn Interceptor>]>) -> Self {
        Held {
            lease: Some(lease),
            interceptors,
        }
    }

    /// How long it is certain to last from now on.
    ///
    /// # Errors
    /// `Locked` if it is lost: it ran out, or somebody removed its file.
    pub fn valid_for(&self) -> Result<Duration> {
        if self.is_dead() {
            return Err(Error::new(ErrorKind::Locked, "its holder is dead"));
        }
        self.lease
            .as_ref()
            .map_or(Ok(Duration::ZERO), |lease| lease.valid_for())
    }

    /// An error if it is lost.
    ///
    /// # Errors
    /// As [`Held::valid_for`].
    pub fn check(&self) -> Result<()> {
        self.valid_for().map(drop)
    }

    /// Whether the one who had the lock before was dead, and may have left what it was doing half done.
    pub fn took_over(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.took_over())
    }

    fn is_dead(&self) -> bool {
        self.interceptors.iter().any(|interceptor| interceptor.is_dead())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        match self.lease.take() {
            Some(lease) if self.is_dead() => lease.abandon(),
            lease => drop(lease),
        }
    }
}
