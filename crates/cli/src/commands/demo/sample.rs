//! The two states of a small database that come with the binary.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use include_dir::{Dir, include_dir};
use stonekeep::{Error, ErrorKind, IoContext, Result};

static SAMPLE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sample");

/// One state of the sample's database.
pub(super) struct State(&'static Dir<'static>);

impl State {
    /// The state of this name.
    pub(super) fn named(name: &str) -> Result<Self> {
        let missing = || Error::new(ErrorKind::Corrupt, format!("the binary has no sample {name}"));
        SAMPLE.get_dir(name).map(State).ok_or_else(missing)
    }

    /// Makes a directory hold this state, and nothing else.
    pub(super) fn write_to(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory).context("making", directory)?;
        for name in names_in(directory)?.difference(&self.names()) {
            let path = directory.join(name);
            fs::remove_file(&path).context("removing", &path)?;
        }
        for file in self.0.files() {
            let path = directory.join(file.path().file_name().unwrap_or_default());
            fs::write(&path, file.contents()).context("writing", &path)?;
        }
        Ok(())
    }

    /// How many files are the same in a directory, if it holds the same files as this state and no other ones.
    pub(super) fn compare_with(&self, directory: &Path) -> Result<usize> {
        if names_in(directory)? != self.names() {
            return Err(difference(directory, "other files"));
        }
        let mut same = 0;
        for file in self.0.files() {
            let path = directory.join(file.path().file_name().unwrap_or_default());
            if fs::read(&path).context("reading", &path)? != file.contents() {
                return Err(difference(&path, "other content"));
            }
            same += 1;
        }
        Ok(same)
    }

    fn names(&self) -> BTreeSet<OsString> {
        let names = self.0.files().filter_map(|file| file.path().file_name());
        names.map(ToOwned::to_owned).collect()
    }
}

/// The names in a directory but for `LOCK`: it is empty, and every process that opens a database makes it.
fn names_in(directory: &Path) -> Result<BTreeSet<OsString>> {
    let entries = fs::read_dir(directory).context("listing", directory)?;
    let names: std::io::Result<BTreeSet<OsString>> = entries.map(|entry| Ok(entry?.file_name())).collect();
    let mut names = names.context("listing", directory)?;
    names.remove(OsStr::new("LOCK"));
    Ok(names)
}

fn difference(path: &Path, what: &str) -> Error {
    Error::corrupt(path.display().to_string(), format!("{what} than the sample has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_holds_one_state_after_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (State::named("state1").unwrap(), State::named("state2").unwrap());
        first.write_to(directory.path()).unwrap();
        assert_eq!(first.compare_with(directory.path()).unwrap(), first.names().len());
        assert!(second.compare_with(directory.path()).is_err());
        second.write_to(directory.path()).unwrap();
        assert_eq!(
            second.compare_with(directory.path()).unwrap(),
            second.names().len()
        );
        assert!(State::named("state3").is_err());
    }

    #[test]
    fn changed_content_of_the_sample_is_detected() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::named("state1").unwrap();
        state.write_to(directory.path()).unwrap();
        fs::write(directory.path().join("CURRENT"), "MANIFEST-000006\n").unwrap();
        let error = state.compare_with(directory.path()).unwrap_err();
        assert!(error.to_string().contains("other content"), "{error}");
    }
}
