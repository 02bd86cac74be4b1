//! One request to a store, with what a row of them has made durable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use stonekeep::store::{Durability, Key, Staged};

/// A request, named after the method of [`stonekeep::store::Store`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the method of its name, with the method's arguments"
)]
pub enum Request {
    Exists,
    CreateRoot(Durability),
    List(Option<Key>),
    Stat(Key),
    Open(Key),
    Stage(Staged),
    Extend(Staged),
    Sync(Vec<Staged>, Durability),
    /// Those only whose key was free.
    Publish(Vec<(Staged, Key)>, Durability),
    Replace(Staged, Key, Durability),
    Areas,
    Staged(String),
    OpenStaged(Staged),
    Discard(String),
    /// Whether the key was free comes last.
    Copy(Key, Key, Durability, bool),
    Delete(Key),
    SyncDirectories(Vec<Key>, Durability),
    SyncVisible(Vec<Key>, Durability),
    Exclusive,
    Pin(Key),
    RemoveIfStale(Key),
    FreeBytes,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Exists => write!(f, "exists"),
            Request::CreateRoot(durability) => write!(f, "create_root ({durability:?})"),
            Request::List(None) => write!(f, "list"),
            Request::List(Some(key)) => write!(f, "list {key}"),
            Request::Stat(key) => write!(f, "stat {key}"),
            Request::Open(key) => write!(f, "open {key}"),
            Request::Stage(staged) => write!(f, "stage {}", name(staged)),
            Request::Extend(staged) => write!(f, "extend {}", name(staged)),
            Request::Sync(staged, durability) => {
                write!(f, "sync {} ({durability:?})", words(staged.iter().map(name)))
            }
            Request::Publish(batch, durability) => {
                let keys = words(batch.iter().map(|(_, key)| key));
                write!(f, "publish {keys} ({durability:?})")
            }
            Request::Replace(_, key, durability) => write!(f, "replace {key} ({durability:?})"),
            Request::Areas => write!(f, "areas"),
            Request::Staged(area) => write!(f, "staged {area}"),
            Request::OpenStaged(staged) => write!(f, "open_staged {}", name(staged)),
            Request::Discard(area) => write!(f, "discard {area}"),
            Request::Copy(from, to, durability, true) => write!(f, "copy {from} {to} ({durability:?})"),
            Request::Copy(from, to, _, false) => write!(f, "copy {from} {to}, which is taken"),
            Request::Delete(key) => write!(f, "delete {key}"),
            Request::SyncDirectories(keys, durability) => {
                write!(f, "sync_directories {} ({durability:?})", words(keys))
            }
            Request::SyncVisible(keys, durability) => {
                write!(f, "sync_visible {} ({durability:?})", words(keys))
            }
            Request::Exclusive => write!(f, "exclusive"),
            Request::Pin(key) => write!(f, "pin {key}"),
            Request::RemoveIfStale(key) => write!(f, "remove_if_stale {key}"),
            Request::FreeBytes => write!(f, "free_bytes"),
        }
    }
}

fn name(staged: &Staged) -> String {
    format!("{}:{}", staged.area, staged.key)
}

fn words(words: impl IntoIterator<Item = impl ToString>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    words.join(" ")
}

/// What is durable of a visible file.
#[derive(Debug, Clone, Copy)]
struct Durable {
    content: bool,
    name: bool,
}

/// What the requests so far have made durable.
#[derive(Debug, Default)]
struct Replay {
    synced: BTreeSet<String>,
    visible: BTreeMap<Key, Durable>,
}

/// The files that were durable when the requests made this one visible.
pub(super) fn durable_before(requests: &[Request], key: &Key) -> Option<BTreeSet<Key>> {
    let mut replay = Replay::default();
    for request in requests {
        let appears = match request {
            Request::Publish(batch, _) => batch.iter().any(|(_, to)| to == key),
            Request::Copy(_, to, _, is_free) => *is_free && to == key,
            _ => false,
        };
        if appears {
            return Some(replay.durable());
        }
        replay.apply(request);
    }
    None
}

impl Replay {
    fn durable(self) -> BTreeSet<Key> {
        let files = self.visible.into_iter();
        let durable = files.filter(|(_, durable)| durable.content && durable.name);
        durable.map(|(key, _)| key).collect()
    }

    fn appear(&mut self, staged: &Staged, key: &Key, durability: Durability) {
        let asked = durability == Durability::Durable;
        let content = self.synced.remove(&name(staged)) || asked;
        self.visible.insert(key.clone(), Durable { content, name: asked });
    }

    fn apply(&mut self, request: &Request) {
        match request {
            Request::Stage(staged) | Request::Extend(staged) => {
                self.synced.remove(&name(staged));
            }
            Request::Sync(staged, Durability::Durable) => self.synced.extend(staged.iter().map(name)),
            Request::Publish(batch, durability) => {
                for (staged, key) in batch {
                    self.appear(staged, key, *durability);
                }
            }
            Request::Replace(staged, key, durability) => self.appear(staged, key, *durability),
            Request::Copy(from, to, durability, true) => {
                let asked = *durability == Durability::Durable;
                let content = asked || self.visible.get(from).is_some_and(|old| old.content);
                self.visible.insert(to.clone(), Durable { content, name: asked });
            }
            Request::Delete(key) => {
                self.visible.remove(key);
            }
            Request::SyncDirectories(directories, Durability::Durable) => {
                let files = self.visible.iter_mut();
                for (_, file) in
                    files.filter(|(key, _)| directories.iter().any(|d| key.parent().as_ref() == Some(d)))
                {
                    file.name = true;
                }
            }
            Request::SyncVisible(keys, Durability::Durable) => {
                let durable = Durable {
                    content: true,
                    name: true,
                };
                self.visible.extend(keys.iter().map(|key| (key.clone(), durable)));
            }
            _ => {}
        }
    }
}
