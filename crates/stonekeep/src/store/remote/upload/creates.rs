//! Finds out whether a store honours "create only if absent".
//!
//! Some stores ignore the condition and write, one answers that it is not implemented. So it is tried once, with an object of
//! its own that is put again: a store that refuses that honours it. Nothing relies on it alone.

use std::sync::{Mutex, PoisonError};

use object_store::path::Path;
use object_store::{PutMode, PutOptions, PutPayload};

use super::answer::{is_final, is_taken, is_unsupported};
use super::attempts::{ANSWER_LIMIT, Attempts, within};
use super::requests::Requests;
use super::run_keys::probe_key;
use super::stamp::Token;
use crate::Result;

/// What is known of the store; one caller finds it out, others wait for it.
#[derive(Debug, Default)]
pub(super) struct Creates {
    honoured: Mutex<Option<bool>>,
}

impl Creates {
    /// Whether a put with the condition is refused where something is there.
    pub(super) fn honoured(&self, requests: &Requests, run: &str) -> Result<bool> {
        let mut honoured = self.honoured.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(honoured) = *honoured {
            return Ok(honoured);
        }
        let path = requests.paths.of(Some(&probe_key(run, &Token::new())?))?;
        let tried = requests.wait(&format!("writing {path}"), try_create(requests, &path))?;
        tracing::debug!(honoured = tried, "create only if absent was tried");
        *honoured = Some(tried);
        Ok(tried)
    }
}

/// Puts an object until the store has written over it, or refused that twice: one refusal may have another reason.
async fn try_create(requests: &Requests, path: &Path) -> object_store::Result<bool> {
    let create = |token: Token| PutOptions {
        mode: PutMode::Create,
        attributes: token.stamp(None),
        ..PutOptions::default()
    };
    let mut attempts = Attempts::new();
    let (mut is_there, mut refusals) = (false, 0);
    let honoured = loop {
        let content = PutPayload::from_static(b"probe");
        let put = requests.objects.put_opts(path, content, create(Token::new()));
        match within(ANSWER_LIMIT, put).await {
            Ok(_) if is_there => break false,
            Ok(_) => (is_there, refusals) = (true, 0),
            Err(error) if is_unsupported(&error) => return Ok(false),
            Err(error) if is_final(&error) => return Err(error),
            Err(error) if is_taken(&error) => refusals += 1,
            Err(error) if !attempts.pause().await => return Err(error),
            Err(_) => {}
        }
        if refusals == 2 {
            break true;
        }
    };
    requests.remove_own(path).await;
    Ok(honoured)
}
