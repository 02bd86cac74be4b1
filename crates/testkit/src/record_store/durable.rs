//! Computes which state a sequence of operations has made durable.

use std::collections::{BTreeMap, BTreeSet};

use stonekeep::store::{Durability, Key, Operation, Put, Upload};

fn name(staged: &Upload) -> String {
    format!("{}:{}", staged.run, staged.key)
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
pub(super) fn durable_before(requests: &[Operation], key: &Key) -> Option<BTreeSet<Key>> {
    let mut replay = Replay::default();
    for request in requests {
        let appears = match request {
            Operation::Finish(batch, ..) => batch.iter().any(|(_, to)| to == key),
            Operation::Put { key: to, put, .. } => *put == Put::Done && to == key,
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

    fn appear(&mut self, staged: &Upload, key: &Key, durability: Durability) {
        let asked = durability == Durability::Durable;
        let content = self.synced.remove(&name(staged)) || asked;
        self.visible.insert(key.clone(), Durable { content, name: asked });
    }

    fn apply(&mut self, request: &Operation) {
        match request {
            Operation::Upload(staged) | Operation::Resume(staged) => {
                self.synced.remove(&name(staged));
            }
            Operation::PersistUploads(staged, Durability::Durable) => {
                self.synced.extend(staged.iter().map(name))
            }
            Operation::Finish(batch, _, durability) => {
                for (staged, key) in batch {
                    self.appear(staged, key, *durability);
                }
            }
            Operation::Put {
                key,
                copy_of,
                durability,
                put: Put::Done,
            } => {
                let asked = *durability == Durability::Durable;
                let copied = copy_of.as_ref().and_then(|from| self.visible.get(from));
                let content = asked || copied.is_some_and(|old| old.content);
                self.visible.insert(key.clone(), Durable { content, name: asked });
            }
            Operation::Delete(key) => {
                self.visible.remove(key);
            }
            Operation::PersistNames(directories, Durability::Durable) => {
                let files = self.visible.iter_mut();
                for (_, file) in
                    files.filter(|(key, _)| directories.iter().any(|d| key.parent().as_ref() == Some(d)))
                {
                    file.name = true;
                }
            }
            Operation::PersistFiles(keys, Durability::Durable) => {
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
