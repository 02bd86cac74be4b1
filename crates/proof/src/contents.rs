//! The contents of a database as plain data: every key of every column family.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use crate::{ProofError, Result};

/// The keys and values of each column family, in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseContents {
    families: BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl DatabaseContents {
    /// Adds an empty column family, or leaves the one that is there.
    pub fn add_family(&mut self, family: &str) {
        self.families.entry(family.to_owned()).or_default();
    }

    /// Forgets a column family.
    pub fn drop_family(&mut self, family: &str) {
        self.families.remove(family);
    }

    /// This column family only.
    pub fn family_alone(&self, family: &str) -> Self {
        let mut alone = self.clone();
        alone.families.retain(|name, _| name == family);
        alone
    }

    /// Sets a key.
    pub fn put(&mut self, family: &str, key: &[u8], value: &[u8]) {
        self.family(family).insert(key.to_vec(), value.to_vec());
    }

    /// Removes a key.
    pub fn delete(&mut self, family: &str, key: &[u8]) {
        self.family(family).remove(key);
    }

    /// Removes the keys from the first, included, to the last, excluded.
    pub fn delete_range(&mut self, family: &str, keys: Range<&[u8]>) {
        self.family(family)
            .retain(|key, _| !keys.contains(&key.as_slice()));
    }

    /// Appends to a key's value as RocksDB's `StringAppendOperator` does, with a comma between.
    pub fn merge(&mut self, family: &str, key: &[u8], operand: &[u8]) {
        self.family(family)
            .entry(key.to_vec())
            .and_modify(|value| {
                value.push(b',');
                value.extend_from_slice(operand);
            })
            .or_insert_with(|| operand.to_vec());
    }

    /// Adds to a key's value as RocksDB's `UInt64AddOperator` does.
    pub fn add(&mut self, family: &str, key: &[u8], number: u64) {
        let value = self.family(family).entry(key.to_vec()).or_default();
        let before = value.as_slice().try_into().map_or(0, u64::from_le_bytes);
        *value = before.wrapping_add(number).to_le_bytes().to_vec();
    }

    /// The names of the column families, sorted.
    pub fn family_names(&self) -> impl Iterator<Item = &str> {
        self.families.keys().map(String::as_str)
    }

    /// How many keys there are in all column families.
    pub fn key_count(&self) -> usize {
        self.families.values().map(BTreeMap::len).sum()
    }

    /// The value of a key.
    pub fn get(&self, family: &str, key: &[u8]) -> Option<&[u8]> {
        self.families.get(family)?.get(key).map(Vec::as_slice)
    }

    /// What `other` holds differently, in words, at most a few of each kind; `None` if nothing.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let mut found = Vec::new();
        for name in self
            .family_names()
            .filter(|name| !other.families.contains_key(*name))
        {
            found.push(format!("column family {name} is missing"));
        }
        for (name, theirs) in &other.families {
            match self.families.get(name) {
                None => found.push(format!("column family {name} is too many")),
                Some(ours) => found.extend(family_difference(name, ours, theirs)),
            }
        }
        Some(found.join("; "))
    }

    /// What `part` holds that is not here, or has another value here, in words; `None` if nothing.
    pub fn lacking(&self, part: &Self) -> Option<String> {
        let mut overlap = self.clone();
        for (name, wanted) in &part.families {
            let here = overlap.families.entry(name.clone()).or_default();
            here.retain(|key, _| wanted.contains_key(key));
        }
        overlap
            .families
            .retain(|name, _| part.families.contains_key(name));
        part.difference(&overlap)
    }

    /// The form of the committed dumps: a line `cf <name>` for each column family, then `<key>:<value>` in hex.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, entries) in &self.families {
            let _ = writeln!(text, "cf {name}");
            for (key, value) in entries {
                let _ = writeln!(text, "{}:{}", hex(key), hex(value));
            }
        }
        text
    }

    /// Reads what [`Self::to_text`] writes.
    ///
    /// # Errors
    /// The first line that has another form.
    pub fn from_text(text: &str) -> Result<Self> {
        let mut contents = Self::default();
        let mut family = None;
        for (index, line) in text.lines().enumerate() {
            let wrong = |reason: &str| ProofError::Dump {
                line: index + 1,
                reason: reason.to_owned(),
            };
            if let Some(name) = line.strip_prefix("cf ") {
                contents.add_family(name);
                family = Some(name);
                continue;
            }
            let name = family.ok_or_else(|| wrong("no column family before it"))?;
            let (key, value) = line.split_once(':').ok_or_else(|| wrong("no colon"))?;
            let (key, value) = unhex(key).zip(unhex(value)).ok_or_else(|| wrong("not hex"))?;
            contents.put(name, &key, &value);
        }
        Ok(contents)
    }

    fn family(&mut self, name: &str) -> &mut BTreeMap<Vec<u8>, Vec<u8>> {
        self.families.entry(name.to_owned()).or_default()
    }
}

fn family_difference(
    name: &str,
    ours: &BTreeMap<Vec<u8>, Vec<u8>>,
    theirs: &BTreeMap<Vec<u8>, Vec<u8>>,
) -> Vec<String> {
    const SHOWN: usize = 3;
    let missing = ours
        .keys()
        .filter(|key| !theirs.contains_key(*key))
        .map(|key| ("is missing", key));
    let surplus = theirs
        .keys()
        .filter(|key| !ours.contains_key(*key))
        .map(|key| ("is too many", key));
    let changed = theirs
        .iter()
        .filter(|(key, value)| ours.get(*key).is_some_and(|expected| expected != *value))
        .map(|(key, _)| ("has another value", key));
    let all: Vec<_> = missing.chain(surplus).chain(changed).collect();
    let mut found: Vec<_> = all
        .iter()
        .take(SHOWN)
        .map(|(what, key)| format!("{name}: key {} {what}", hex(key)))
        .collect();
    if all.len() > SHOWN {
        found.push(format!("{name}: {} keys differ in all", all.len()));
    }
    found
}

/// Lower-case hex of bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The bytes of a hex string of either case, if it is one.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
