//! One PUT, repeated until it is certain what became of it.

use object_store::path::Path;
use object_store::{PutMode, PutOptions, PutPayload};
use stonekeep_format::Crc32c;

use super::super::answer::is_final;
use super::super::attempts::{Attempts, within};
use super::super::errors;
use super::requests::Requests;
use super::stamp::{There, Token};
use crate::Result;

/// How a store knows an object of ours.
#[derive(Debug, Clone)]
pub(super) struct Receipt {
    pub(super) token: Token,
    /// As the store gave it in its answer, where it has told it.
    pub(super) e_tag: Option<String>,
    pub(super) size_bytes: u64,
}

/// How a put ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The object there is ours.
    Written(Receipt),
    /// Another object is there.
    Taken(There),
}

impl Requests {
    /// Puts an object; with `create` only if nothing is there.
    pub(super) fn put_once(
        &self,
        path: &Path,
        content: PutPayload,
        crc32c: Option<Crc32c>,
        create: bool,
    ) -> Result<Outcome> {
        let put = self.put_until_certain(path, content, crc32c, create);
        self.wait(&format!("writing {path}"), put)
    }

    pub(super) async fn put_until_certain(
        &self,
        path: &Path,
        content: PutPayload,
        crc32c: Option<Crc32c>,
        create: bool,
    ) -> object_store::Result<Outcome> {
        let token = Token::new();
        let size_bytes = content.content_length() as u64;
        let receipt = |e_tag| Receipt {
            token: token.clone(),
            e_tag,
            size_bytes,
        };
        let (mut attempts, mut sending) = (Attempts::new(), self.budget.begin());
        loop {
            let mode = self.creates.mode(create);
            let options = PutOptions {
                mode: mode.clone(),
                attributes: token.stamp(crc32c),
                ..PutOptions::default()
            };
            let put = self.objects.put_opts(path, content.clone(), options);
            let error = match within(sending.limit(), put).await {
                Ok(put) => {
                    sending.arrived(size_bytes);
                    return Ok(Outcome::Written(receipt(put.e_tag)));
                }
                Err(error) if self.creates.note_unknown(&mode, &error) => continue,
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => error,
            };
            match self.look(path).await? {
                Some(there) if there.is_of(&token, size_bytes) => {
                    return Ok(Outcome::Written(receipt(there.e_tag)));
                }
                // Also where the answer was another one: the attempt before may have been refused unnoticed.
                Some(there) if mode == PutMode::Create => return Ok(Outcome::Taken(there)),
                Some(_) | None => {}
            }
            let why = errors::without_secrets(&error.to_string());
            tracing::debug!(%path, error = %why, "a put has to be repeated");
            if !attempts.pause().await {
                return Err(error);
            }
        }
    }
}
