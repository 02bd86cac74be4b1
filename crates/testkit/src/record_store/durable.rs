//! What a row of operations has made durable.

use std::collections::{BTreeMap, BTreeSet};

use stonekeep::store::{Durability, Key, Operation, Staged};

fn name(staged: &Staged) -> String {
    format!("{}:{}", staged.area, staged.key)
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
            Operation::Publish(batch, _) => batch.iter().any(|(_, to)| to == key),
            Operation::Copy(_, to, _, is_free) => *is_free && to == key,
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

    fn apply(&mut self, request: &Operation) {
        match request {
            Operation::Stage(staged) | Operation::Extend(staged) => {
                self.synced.remove(&name(staged));
            }
            Operation::Sync(staged, Durability::Durable) => self.synced.extend(staged.iter().map(name)),
            Operation::Publish(batch, durability) => {
                for (staged, key) in batch {
                    self.appear(staged, key, *durability);
                }
            }
            Operation::Replace(staged, key, durability) => self.appear(staged, key, *durability),
            Operation::Copy(from, to, durability, true) => {
                let asked = *durability == Durability::Durable;
                let content = asked || self.visible.get(from).is_some_and(|old| old.content);
                self.visible.insert(to.clone(), Durable { content, name: asked });
            }
            Operation::Delete(key) => {
                self.visible.remove(key);
            }
            Operation::SyncDirectories(directories, Durability::Durable) => {
                let files = self.visible.iter_mut();
                for (_, file) in
                    files.filter(|(key, _)| directories.iter().any(|d| key.parent().as_ref() == Some(d)))
                {
                    file.name = true;
                }
            }
            Operation::SyncVisible(keys, Durability::Durable) => {
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
