//! Puts and deletions under a lease, repeated until it is certain what became of them.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{PutMode, PutOptions};
use stonekeep_format::Crc32c;

use super::super::answer::is_final;
use super::requests::Requests;
use super::single_put::{Outcome, Receipt};
use super::stamp::Token;
use crate::Result;
use crate::store::remote::fence::Fence;

impl Requests {
    /// Puts an object; with `create` only if nothing is there.
    pub(super) fn put_fenced(
        &self,
        fence: &Fence,
        path: &Path,
        content: &[u8],
        crc32c: Crc32c,
        create: bool,
    ) -> Result<Outcome> {
        let token = Token::new();
        let size_bytes = content.len() as u64;
        let content = Bytes::from(content.to_vec());
        let receipt = || Receipt {
            token: token.clone(),
            e_tag: None,
            size_bytes,
        };
        let doing = format!("writing {path}");
        let mut attempts = self.client.attempts();
        loop {
            let options = PutOptions {
                mode: self.creates.mode(create),
                attributes: token.stamp(Some(crc32c)),
                ..PutOptions::default()
            };
            let error = match fence.put(path, &content, &options)? {
                Ok(()) => return Ok(Outcome::Written(receipt())),
                Err(error) if self.creates.note_unknown(&options.mode, &error) => continue,
                Err(error) if is_final(&error) => return Err(self.client.explain(&doing, error)),
                Err(error) => error,
            };
            match self.wait(&doing, self.look(path))? {
                Some(there) if there.is_of(&token, size_bytes) => return Ok(Outcome::Written(receipt())),
                // Also where the answer was another one: the attempt before may have been refused unnoticed.
                Some(there) if options.mode == PutMode::Create => return Ok(Outcome::Taken(there)),
                Some(_) | None => {}
            }
            if !self.client.block_on(attempts.pause())? {
                return Err(self.client.explain(&doing, error));
            }
        }
    }

    /// Deletes objects; those that are not there count as deleted. One answer for each, in their order.
    pub(super) fn delete_fenced(
        &self,
        fence: &Fence,
        paths: &[Path],
    ) -> Result<Vec<object_store::Result<()>>> {
        let mut outcomes = fence.delete(paths)?;
        let mut attempts = self.client.attempts();
        loop {
            let unknown: Vec<usize> = outcomes
                .iter()
                .enumerate()
                .filter(|(_, outcome)| outcome.as_ref().is_err_and(|error| !is_final(error)))
                .map(|(at, _)| at)
                .collect();
            if unknown.is_empty() || !self.client.block_on(attempts.pause())? {
                return Ok(outcomes);
            }
            let again: Vec<Path> = unknown.iter().filter_map(|&at| paths.get(at).cloned()).collect();
            for (at, outcome) in unknown.into_iter().zip(fence.delete(&again)?) {
                if let Some(known) = outcomes.get_mut(at) {
                    *known = outcome;
                }
            }
        }
    }

    /// Aborts the upload of another process, under a lease as its holder.
    pub(super) fn abort(&self, fence: Option<&Fence>, path: &Path, id: &str, doing: &str) -> Result<()> {
        let by_fence = match fence {
            Some(fence) => fence.abort(path, id)?,
            None => None,
        };
        match by_fence {
            Some(aborted) => aborted.map_err(|error| self.client.explain(doing, error)),
            None => self.wait(doing, self.sessions.abort(path, id)),
        }
    }
}
