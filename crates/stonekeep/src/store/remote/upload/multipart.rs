//! A large file in parts, several of which are under way at once.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, TryFutureExt};
use object_store::path::Path;
use object_store::{PutPayload, Result as Answer};

use super::super::answer::is_final;
use super::budget::Share;
use super::marks::Mark;
use super::parts::Parts;
use super::requests::{Requests, taken};
use super::session::{Arrived, Session};
use super::single_put::Receipt;
use super::stamp::Token;
use crate::Result;
use crate::store::{Key, PutMode};

/// How many parts of one file are under way at once.
const PARTS_AT_ONCE: usize = 4;

/// How long a completion may take: a store may copy all parts.
const COMPLETION_LIMIT: Duration = Duration::from_secs(600);

/// How often a file is uploaded again whose completion was not answered.
const UNANSWERED_UPLOADS: u32 = 3;

/// An upload in parts. The requests are driven by the thread that reads the content, which also computes the checksums that sign
/// them.
pub(super) struct Transfer<'w> {
    requests: &'w Requests,
    run: &'w str,
    key: &'w Key,
    path: &'w Path,
    mode: PutMode,
    token: Token,
    session: Session,
    under_way: FuturesUnordered<BoxFuture<'static, Answer<(usize, Arrived)>>>,
    arrived: Vec<Arrived>,
}

impl<'w> Transfer<'w> {
    pub(super) fn begin(
        requests: &'w Requests,
        run: &'w str,
        key: &'w Key,
        path: &'w Path,
        mode: PutMode,
    ) -> Result<Self> {
        let token = Token::new();
        let begun = requests.sessions.begin(path, token.stamp(None));
        let session = requests.wait(&format!("beginning to write {path}"), begun)?;
        Ok(Transfer {
            requests,
            run,
            key,
            path,
            mode,
            token,
            session,
            under_way: FuturesUnordered::new(),
            arrived: Vec::new(),
        })
    }

    /// Sends all parts, and completes the object.
    pub(super) fn send(
        mut self,
        first: Vec<u8>,
        share: Share,
        parts: &mut Parts<'_>,
        expected_bytes: u64,
    ) -> Result<Receipt> {
        let sent = self
            .send_parts(first, share, parts)
            .and_then(|()| self.require_free());
        if let Err(error) = sent {
            self.abort(expected_bytes);
            return Err(error);
        }
        self.complete(parts.sent_bytes())
    }

    fn send_parts(&mut self, first: Vec<u8>, share: Share, parts: &mut Parts<'_>) -> Result<()> {
        let (mut bytes, mut share) = (first, share);
        loop {
            self.start(bytes, share);
            if parts.is_at_end()? {
                break;
            }
            share = self.wait(parts.part_bytes())?;
            // Outside of the runtime: the content may be an object of another store.
            let buffer = self.requests.buffers.take(parts.part_bytes());
            bytes = parts.next(buffer)?;
        }
        let (requests, doing) = (self.requests, self.doing());
        requests.wait(&doing, async {
            while let Some(arrived) = self.under_way.next().await {
                self.note(arrived?);
            }
            Ok(())
        })
    }

    /// Begins to send a part.
    fn start(&mut self, bytes: Vec<u8>, share: Share) {
        let index = self.arrived.len();
        self.arrived.push(None);
        let sending = self.requests.budget.begin();
        let sent = self.session.send(
            self.path,
            index,
            PutPayload::from(self.requests.buffers.lend(bytes)),
            sending,
        );
        self.under_way.push(Box::pin(sent.map_ok(move |arrived| {
            drop(share);
            (index, arrived)
        })));
    }

    /// Waits until another part may be sent.
    fn wait(&mut self, part_bytes: u64) -> Result<Share> {
        let (requests, doing) = (self.requests, self.doing());
        requests.wait(&doing, self.room(part_bytes))
    }

    async fn room(&mut self, part_bytes: u64) -> Answer<Share> {
        // A request begins when it is polled.
        while let Some(Some(arrived)) = self.under_way.next().now_or_never() {
            self.note(arrived?);
        }
        while self.under_way.len() >= PARTS_AT_ONCE {
            if let Some(arrived) = self.under_way.next().await {
                self.note(arrived?);
            }
        }
        let mut share = pin!(self.requests.budget.take(part_bytes));
        loop {
            if self.under_way.is_empty() {
                return Ok(share.await);
            }
            // Its own parts hold shares, too.
            let arrived = match select(share.as_mut(), self.under_way.next()).await {
                Either::Left((share, _)) => return Ok(share),
                Either::Right((arrived, _)) => arrived,
            };
            if let Some(arrived) = arrived {
                self.note(arrived?);
            }
        }
    }

    fn note(&mut self, (index, part): (usize, Arrived)) {
        if let Some(arrived) = self.arrived.get_mut(index) {
            *arrived = part;
        }
    }

    /// Refuses a key that another object has meanwhile: a completion has no condition.
    fn require_free(&self) -> Result<()> {
        if self.mode == PutMode::Replace {
            return Ok(());
        }
        let there = self.requests.wait(&self.doing(), self.requests.look(self.path))?;
        there.map_or(Ok(()), |_| Err(taken(self.key)))
    }

    fn complete(mut self, size_bytes: u64) -> Result<Receipt> {
        let mark = Mark {
            key: self.key.to_string(),
            size_bytes,
            upload_id: self.session.id().to_owned(),
            token: self.token.as_str().to_owned(),
        };
        let at = self.requests.mark_path(self.run, &self.token)?;
        self.requests.touched().insert(self.run.to_owned());
        let requests = self.requests;
        if let Err(error) = requests.wait(&format!("writing {at}"), requests.put_mark(&at, &mark)) {
            self.abort(size_bytes);
            return Err(error);
        }
        let parts = self.arrived.drain(..).flatten().collect();
        let (path, token) = (self.path, &self.token);
        let session = &mut self.session;
        let ended = requests.client.block_on(async {
            let error = match session.complete(path, parts, COMPLETION_LIMIT).await {
                Ok(e_tag) => {
                    requests.remove_own(&at).await;
                    return Ok(e_tag);
                }
                Err(error) => error,
            };
            // The answer may be lost, or another one's: only the object tells.
            match requests.look(path).await {
                Ok(Some(there)) if there.is_of(token, size_bytes) => {
                    requests.remove_own(&at).await;
                    Ok(there.e_tag)
                }
                _ => Err(error),
            }
        })?;
        match ended {
            Ok(e_tag) => Ok(Receipt {
                token: self.token,
                e_tag,
                size_bytes,
            }),
            Err(error) if is_final(&error) && !is_gone(&error) => {
                Err(requests.client.explain(&format!("completing {path}"), error))
            }
            Err(error) => Err(requests
                .client
                .explain(&format!("completing {path}"), error)
                .content_again(UNANSWERED_UPLOADS)),
        }
    }

    /// Stops the parts, then removes them, unless an object is there that may be this one.
    fn abort(&mut self, expected_bytes: u64) {
        self.under_way = FuturesUnordered::new();
        let (requests, path, session) = (self.requests, self.path, &mut self.session);
        let aborted = requests.client.block_on(async {
            match requests.look(path).await? {
                Some(there) if there.size_bytes == expected_bytes => Ok(()),
                _ => session.abort(path).await,
            }
        });
        let failed = match aborted {
            Ok(Ok(())) => return,
            Ok(Err(error)) => requests.client.explain("aborting", error),
            Err(error) => error,
        };
        tracing::warn!(%path, error = %failed.one_line(), "parts stay until the bucket's lifecycle rule removes them");
    }

    fn doing(&self) -> String {
        format!("writing {}", self.path)
    }
}

/// The upload is not known any more: completed by a request whose answer was lost, or aborted by another process.
fn is_gone(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
}
