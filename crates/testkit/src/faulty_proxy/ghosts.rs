//! Objects that are listed for a while after their deletion, or that cannot be read for a while although they are listed.

use std::collections::BTreeMap;

use super::request_kind::parameter;
use crate::http_message::{Head, Message};

#[derive(Debug, Default)]
pub(super) struct Ghosts {
    /// What listings have said of an object.
    entries: BTreeMap<String, String>,
    /// Deleted, and still in so many listings.
    listed: BTreeMap<String, u32>,
    /// There, and for so many requests not.
    hidden: BTreeMap<String, u32>,
}

impl Ghosts {
    /// An object was written.
    pub(super) fn written(&mut self, key: &str, hidden_for: u32) {
        self.listed.remove(key);
        self.entries.remove(key);
        self.hidden.insert(key.to_owned(), hidden_for);
    }

    /// An object was deleted.
    pub(super) fn deleted(&mut self, key: &str, listed_for: u32) {
        self.hidden.remove(key);
        self.listed.insert(key.to_owned(), listed_for);
    }

    /// Whether an object is not shown to this request for it.
    pub(super) fn hides(&mut self, key: &str) -> bool {
        match self.hidden.get_mut(key) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    /// Adds the objects that are still listed. How many they are.
    pub(super) fn haunt(&mut self, request: &Head, answer: &mut Message) -> usize {
        let Ok(mut text) = String::from_utf8(answer.body.clone()) else {
            return 0;
        };
        for entry in between(&text, "<Contents>", "</Contents>") {
            if let Some(key) = between(entry, "<Key>", "</Key>").first() {
                self.entries.insert((*key).to_owned(), entry.to_owned());
            }
        }
        let is_last_page = !text.contains("<IsTruncated>true");
        let is_first_page = parameter(request, "continuation-token").is_none();
        let Some(end) = text.rfind("</ListBucketResult>") else {
            return 0;
        };
        if !is_last_page || !is_first_page {
            return 0;
        }
        let after = parameter(request, "start-after").unwrap_or_default();
        let prefix = parameter(request, "prefix").unwrap_or_default();
        let delimiter = parameter(request, "delimiter").filter(|it| !it.is_empty());
        let (mut more, mut count) = (String::new(), 0);
        for (key, left) in &mut self.listed {
            let (Some(rest), Some(entry)) = (key.strip_prefix(&*prefix), self.entries.get(key)) else {
                continue;
            };
            if *left == 0 || *key <= after {
                continue;
            }
            let directory = delimiter.as_ref().and_then(|it| rest.split_once(&**it));
            if let Some((name, _)) = directory {
                let common = format!("<CommonPrefixes><Prefix>{prefix}{name}/</Prefix></CommonPrefixes>");
                if !text.contains(&common) && !more.contains(&common) {
                    more.push_str(&common);
                }
            } else {
                more.push_str(&format!("<Contents>{entry}</Contents>"));
            }
            *left -= 1;
            count += 1;
        }
        text.insert_str(end, &more);
        answer.body = text.into_bytes();
        count
    }
}

/// The keys that a request for many deletions names.
pub(super) fn keys_in(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let keys = between(&text, "<Key>", "</Key>");
    keys.into_iter().map(str::to_owned).collect()
}

/// What stands between these words, each time.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> Vec<&'t str> {
    let parts = text.split(begin).skip(1);
    parts.filter_map(|part| Some(part.split_once(end)?.0)).collect()
}
