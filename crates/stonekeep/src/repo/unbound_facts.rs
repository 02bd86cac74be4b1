//! Why a meta file that can be read has no facts of its own.

use super::facts_reader::read_any_head;
use super::layout;
use super::loaded_meta::LoadedMeta;
use crate::store::Store;
use crate::{ErrorKind, Result, Warning, WarningName};

/// The warnings about a backup without facts: that its meta file may be damaged, and that its files of the application, if it
/// has any, cannot be `used`.
///
/// # Errors
/// I/O errors of the store.
pub(crate) fn without_facts(store: &Store, loaded: &LoadedMeta, used: &str) -> Result<Vec<Warning>> {
    let (directory, facts) = (layout::included(loaded.id), layout::facts(loaded.id));
    let unbound = Unbound::why(store, loaded);
    let mut warnings: Vec<Warning> = unbound.warning(loaded).into_iter().collect();
    let why = unbound.describe(loaded);
    let message = if !store.traits().lists {
        format!(
            "the facts {facts} {why}: if the backup includes files of the application, they cannot be {used}"
        )
    } else if store.list(Some(&directory))?.is_empty() {
        return Ok(warnings);
    } else {
        format!("the facts {facts} {why}: the files that the backup includes cannot be {used}")
    };
    warnings.push(Warning::about(
        WarningName::NotIncluded,
        directory.as_str(),
        message,
    ));
    Ok(warnings)
}

/// Whether a meta file has facts that are whole, and describe another one.
///
/// # Errors
/// I/O errors of the store.
pub(crate) fn are_of_another(store: &Store, loaded: &LoadedMeta) -> Result<bool> {
    let facts = read_any_head(store, loaded.id)?;
    Ok(facts.is_some_and(|facts| !loaded.is_described_by(&facts)))
}

/// Whether facts of this backup are there, and cannot be read.
pub(crate) fn are_damaged(store: &Store, loaded: &LoadedMeta) -> bool {
    matches!(Unbound::why(store, loaded), Unbound::Damaged | Unbound::Unread)
}

/// Why there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unbound {
    /// There are none.
    Missing,
    /// They cannot be read.
    Damaged,
    /// The store failed to read them.
    Unread,
    /// They are whole, and of another meta file.
    OfAnother,
}

impl Unbound {
    /// Looks once more at the facts of a backup whose meta file they do not describe. It is only about what is said of them: an
    /// error has been reported when they were read first.
    fn why(store: &Store, loaded: &LoadedMeta) -> Self {
        match read_any_head(store, loaded.id) {
            Ok(Some(_)) => Unbound::OfAnother,
            Ok(None) => match store.stat(&layout::facts(loaded.id)) {
                Ok(None) => Unbound::Missing,
                Err(error) if error.kind() != ErrorKind::Corrupt => Unbound::Unread,
                _ => Unbound::Damaged,
            },
            Err(_) => Unbound::Unread,
        }
    }

    /// What is wrong, as the end of a sentence about the facts.
    fn describe(self, loaded: &LoadedMeta) -> String {
        match self {
            Unbound::Missing => "are missing".to_owned(),
            Unbound::Damaged => "are damaged".to_owned(),
            Unbound::Unread => "could not be read".to_owned(),
            Unbound::OfAnother => format!("are those of another file than {}", layout::meta(loaded.id)),
        }
    }

    /// The warning about a meta file that was damaged without a trace in itself, or that another engine has written, or about
    /// facts that are damaged.
    fn warning(self, loaded: &LoadedMeta) -> Option<Warning> {
        let (meta, facts) = (layout::meta(loaded.id), layout::facts(loaded.id));
        match self {
            Unbound::Damaged => {
                let message = format!("{facts} is damaged: the backup restores, but its tags are unknown");
                Some(Warning::about(WarningName::FactsDamaged, facts.as_str(), message))
            }
            Unbound::OfAnother => {
                let message = format!(
                    "{meta} is not the file that {facts} describes: it is damaged, or another engine has made a backup under \
                     this id (then the next collection ends this warning)"
                );
                Some(Warning::about(WarningName::OtherMeta, meta.as_str(), message))
            }
            Unbound::Missing | Unbound::Unread => None,
        }
    }
}
