//! Whether the store still has what was uploaded.

use object_store::ObjectMeta;

use super::Writer;
use crate::{Error, Result};

impl Writer {
    /// Fails if one of these objects has taken the place of one that was uploaded.
    pub(in super::super) fn require_as_uploaded(&self, listed: &[ObjectMeta]) -> Result<()> {
        for object in listed {
            let Some(receipt) = self.uploaded.changed(object) else {
                continue;
            };
            let path = &object.location;
            let there = self
                .requests
                .wait(&format!("asking for {path}"), self.requests.look(path))?;
            // One that is gone is missed by its name.
            if there.is_some_and(|there| !there.is_of(&receipt.token, receipt.size_bytes)) {
                return Err(Error::refused(format!(
                    "another object took the place of {path} after it was uploaded"
                ))
                .with_hint("another program writes in this repository; back up again when it has ended"));
            }
        }
        Ok(())
    }
}
