//! Deletes objects, and looks at the answer for each of them.

use futures_util::stream::{self, StreamExt};
use object_store::path::Path;
use object_store::{Error as Failure, Result as Answer};

use super::super::answer;
use super::super::attempts::{ANSWER_LIMIT, repeated};
use super::requests::Requests;
use crate::store::remote::fence::Fence;
use crate::store::{Key, NotDeleted};
use crate::{Error, Result};

/// How many keys one request names: what S3 allows.
const KEYS_AT_ONCE: usize = 1_000;

impl Requests {
    /// Deletes files; those that are not there count as deleted. Under a lease, as its holder.
    pub(super) fn delete(&self, keys: &[Key], fence: Option<&Fence>) -> Vec<NotDeleted> {
        let mut left = Vec::new();
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let paths: Result<Vec<Path>> = keys.iter().map(|key| self.paths.of(Some(key))).collect();
            let answers = paths.and_then(|paths| match fence {
                Some(fence) => self.delete_fenced(fence, &paths),
                None => self.client.block_on(self.delete_all(&paths)),
            });
            match answers {
                Ok(answers) => left.extend(keys.iter().zip(answers).filter_map(|(key, answer)| {
                    let error = answer.err()?;
                    let error = self.client.explain(&format!("deleting {key}"), error);
                    Some(not_deleted(key, error))
                })),
                Err(error) => {
                    let text = error.one_line();
                    let again = |key: &Key| not_deleted(key, Error::new(error.kind(), text.clone()));
                    left.extend(keys.iter().map(again));
                }
            }
        }
        left
    }

    /// One answer for each path, in their order.
    async fn delete_all(&self, paths: &[Path]) -> Vec<Answer<()>> {
        let asked: Vec<Answer<Path>> = paths.iter().cloned().map(Ok).collect();
        let answers: Vec<Answer<Path>> = self
            .objects
            .delete_stream(stream::iter(asked).boxed())
            .collect()
            .await;
        let is_whole = answers.len() == paths.len();
        let mut answers = answers.into_iter();
        let mut outcomes = Vec::with_capacity(paths.len());
        for path in paths {
            // A request that failed as a whole has one answer for all of its keys.
            let answer = answers.next().filter(|_| is_whole).and_then(answer_for);
            outcomes.push(match answer {
                Some(answer) => answer,
                None => self.delete_path(path).await,
            });
        }
        outcomes
    }

    pub(super) async fn delete_path(&self, path: &Path) -> Answer<()> {
        let delete = || async {
            let asked = stream::iter([Ok(path.clone())]).boxed();
            let answer = self.objects.delete_stream(asked).next().await;
            answer::unless_absent(answer.unwrap_or_else(|| Err(no_answer()))).map(drop)
        };
        repeated(ANSWER_LIMIT, delete).await
    }
}

/// `None` for an answer after which the key is asked for once more.
fn answer_for(answer: Answer<Path>) -> Option<Answer<()>> {
    match answer::unless_absent(answer) {
        Err(error) if !answer::is_final(&error) => None,
        answer => Some(answer.map(drop)),
    }
}

fn no_answer() -> Failure {
    Failure::Generic {
        store: "delete",
        source: "the answer does not name the object".into(),
    }
}

fn not_deleted(key: &Key, error: Error) -> NotDeleted {
    NotDeleted {
        key: key.clone(),
        error,
    }
}
