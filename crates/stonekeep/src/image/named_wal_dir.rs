//! Where the `wal_dir` that OPTIONS name may lead.

use std::path::{Component, Path, PathBuf};

use super::listing::Listing;
use super::lock_holder::LockHolder;
use crate::Result;

/// The directories that a `wal_dir` in OPTIONS may mean, as far as they exist; `None` if it is the database's own. With a
/// holder of the `LOCK`, it is where that process sees it.
///
/// # Errors
/// `Io` if a directory is there and cannot be listed.
pub(super) fn find_named(
    named: &Path,
    home: &Listing,
    holder: Option<LockHolder>,
) -> Result<Option<Vec<Listing>>> {
    let seen = match holder {
        Some(holder) => holder.resolve(named)?,
        None => None,
    };
    let paths = match seen {
        Some(seen) => vec![seen],
        None if named.is_absolute() => vec![named.to_owned()],
        // Up to 6.19 OPTIONS name the database's own directory, as the application spells it.
        None if canonical(&home.path).ends_with(named) => return Ok(None),
        None => below_or_beside(named, &home.path),
    };
    let mut found: Vec<Listing> = Vec::new();
    for path in paths {
        match Listing::of(&path)? {
            Some(listing) if listing.identity == home.identity => return Ok(None),
            Some(listing) if found.iter().all(|known| known.identity != listing.identity) => {
                found.push(listing);
            }
            _ => {}
        }
    }
    Ok(Some(found))
}

/// A relative path from the database's directory, and from the one above: the directory above the real one, and above
/// the link that leads to it.
fn below_or_beside(named: &Path, home: &Path) -> Vec<PathBuf> {
    let real = canonical(home);
    let spelt = std::path::absolute(home).ok();
    let bases = [
        Some(real.as_path()),
        real.parent(),
        spelt.as_deref().and_then(Path::parent),
    ];
    bases.into_iter().flatten().map(|base| base.join(named)).collect()
}

fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The directory with the same relative path from `home` as `named` has from `original`: where a copy has its WALs, if both directories were
/// copied together.
pub(super) fn counterpart(named: &Path, original: &Path, home: &Listing) -> Option<Listing> {
    let path = transposed(named, original, &canonical(&home.path))?;
    Listing::of(&path)
        .ok()?
        .filter(|listing| listing.identity != home.identity)
}

fn transposed(named: &Path, original: &Path, home: &Path) -> Option<PathBuf> {
    let (named, original): (Vec<_>, Vec<_>) = (named.components().collect(), original.components().collect());
    let pairs = named.iter().zip(&original);
    let common = pairs.take_while(|(a, b)| a == b).count();
    let is_plain = |part: &Component<'_>| matches!(part, Component::Normal(_));
    // Paths that only the root is common to say nothing about each other.
    if common < 2 || !named[common..].iter().chain(&original[common..]).all(is_plain) {
        return None;
    }
    let above = home.ancestors().nth(original.len() - common)?;
    Some(above.join(named[common..].iter().collect::<PathBuf>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_its_wals_where_the_original_has_them() {
        let transposed = |named: &str, original: &str, home: &str| {
            transposed(Path::new(named), Path::new(original), Path::new(home))
        };
        let beside = transposed("/x/live/wal", "/x/live/db", "/x/snap/db");
        assert_eq!(beside, Some(PathBuf::from("/x/snap/wal")));
        let below = transposed("/x/live/db/wal", "/x/live/db", "/x/snap/db");
        assert_eq!(below, Some(PathBuf::from("/x/snap/db/wal")));
        assert_eq!(transposed("/fast/wal", "/x/live/db", "/x/snap/db"), None);
        assert_eq!(transposed("wal", "live/db", "/x/snap/db"), None);
    }
}
