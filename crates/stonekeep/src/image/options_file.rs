//! The newest OPTIONS file that can be read, with what a capture must know of it.

use std::collections::BTreeSet;
use std::path::Path;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::options::{CaptureOptions, LIMIT_BYTES, OptionsFile};
use stonekeep_format::{FileNumber, WholeText};

use super::ImageFile;
use super::diagnostics::Diagnostics;
use super::listing::Listing;
use super::manifest::plain_file;
use super::other_database;
use super::pinned::Pinned;
use crate::{Error, ErrorKind, Observer, Result, WarningName, whole_text};

/// So many names of column families are listed in a warning.
const NAMES_LISTED: usize = 8;

/// An OPTIONS file.
#[derive(Debug)]
pub(super) struct Options {
    number: FileNumber,
    file: Pinned,
    /// The RocksDB version that wrote it.
    pub(super) rocksdb_version: Option<String>,
    /// The engine that wrote it, if that is a relative of RocksDB's.
    pub(super) engine: Option<&'static str>,
    /// The settings that matter here.
    pub(super) settings: CaptureOptions,
    /// The names of its column families.
    column_families: BTreeSet<Vec<u8>>,
}

impl Options {
    /// The settings in the newest OPTIONS file that can be read, and the OPTIONS file of the image: the newest with the column
    /// families of the state, else the newest. Column families may have come or gone between two looks, and a process may
    /// have been killed before it wrote a new file; RocksDB keeps the one before. Newer ones that cannot be read are warned
    /// of. `None` if there is none, as before RocksDB 4.3.
    ///
    /// # Errors
    /// `Refused` if the newest vanished since the directory was listed: a process that has the database open keeps only two.
    /// `Unsupported` for the database of a relative of RocksDB's.
    pub(super) fn find(
        home: &Listing,
        state: &DatabaseState,
        diagnostics: &mut Diagnostics,
        observer: &dyn Observer,
    ) -> Result<Option<(CaptureOptions, Options)>> {
        other_database::refuse(home)?;
        let mut numbers: Vec<FileNumber> = home.files.iter().filter_map(options_number).collect();
        numbers.sort_unstable();
        let mut newest: Option<Options> = None;
        let of_rocksdb = numbers.last().copied();
        while let Some(number) = numbers.pop() {
            let path = home.path.join(DbFileName::Options(number).to_string());
            match Options::read(number, &path, observer) {
                Ok(options) if options.fits(state) => {
                    let settings = &newest.as_ref().unwrap_or(&options).settings;
                    return Ok(Some((settings.clone(), options)));
                }
                Ok(options) => drop(newest.get_or_insert(options)),
                Err(error) if error.findings().is_empty() => {
                    if newest.is_none() || !error.is_source_changed() {
                        return Err(error);
                    }
                }
                Err(_) if newest.is_some() => {}
                Err(error) => {
                    let message = format!("it is left out: {}", error.one_line());
                    let name = WarningName::OptionsUnreadable;
                    // RocksDB reads the newest, and no other (`GetLatestOptionsFileName` in utilities/options/options_util.cc).
                    match error.kind() {
                        ErrorKind::Corrupt if of_rocksdb == Some(number) => {
                            let reason = damage_of(&error);
                            diagnostics.warn_of_damage(name, &path, &message, reason);
                        }
                        _ => diagnostics.warn(name, &path, message),
                    }
                }
            }
        }
        if newest.is_none() {
            other_database::refuse_by_options(home)?;
        }
        Ok(newest.map(|newest| (newest.settings.clone(), newest)))
    }

    /// Reads one.
    ///
    /// # Errors
    /// `Refused` if it vanished, `Corrupt` if it cannot be understood.
    pub(super) fn read(number: FileNumber, path: &Path, observer: &dyn Observer) -> Result<Options> {
        let name = path.display().to_string();
        let file = Pinned::open(path)?
            .ok_or_else(|| Error::source_changed(format!("{name} vanished while it was looked at")))?;
        if file.size_bytes > LIMIT_BYTES {
            let reason = format!("{} bytes, too many for an OPTIONS file", file.size_bytes);
            return Err(Error::corrupt(name, reason));
        }
        let mut text = WholeText::new();
        file.for_each_piece(observer, &mut |piece| {
            text.push(piece)
                .map_err(|endless| whole_text::endless_line(&name, endless))
        })?;
        let parsed =
            OptionsFile::parse(&text.into_bytes()).map_err(|error| Error::format(name.as_str(), error))?;
        let settings = parsed
            .capture_options()
            .map_err(|error| Error::format(name, error))?;
        Ok(Options {
            number,
            file,
            engine: parsed.is_of_speedb().then_some("Speedb"),
            rocksdb_version: parsed.rocksdb_version().map(str::to_owned),
            settings,
            column_families: parsed.column_families().map(<[u8]>::to_vec).collect(),
        })
    }

    /// Whether its column families are those of this state: RocksDB opens a database with all column families that the
    /// MANIFEST has, and no other.
    pub(super) fn fits(&self, state: &DatabaseState) -> bool {
        let families = state.column_families();
        families.len() == self.column_families.len()
            && families
                .values()
                .all(|family| self.column_families.contains(&family.name))
    }

    /// Warns if it does not fit this state, and explains what that means.
    pub(super) fn warn_unless_fits(&self, state: &DatabaseState, diagnostics: &mut Diagnostics) {
        if self.fits(state) {
            return;
        }
        let known = state.column_families().values().map(|family| &family.name);
        let known: BTreeSet<&Vec<u8>> = known.collect();
        let in_file: BTreeSet<&Vec<u8>> = self.column_families.iter().collect();
        let listed = |names: Vec<&&Vec<u8>>| {
            let names = names
                .iter()
                .take(NAMES_LISTED)
                .map(|name| format!("\"{}\"", name.escape_ascii()));
            names.collect::<Vec<_>>().join(", ")
        };
        let missing = listed(known.difference(&in_file).collect());
        let surplus = listed(in_file.difference(&known).collect());
        let parts = [("it lacks", missing), ("it has", surplus)];
        let parts = parts.iter().filter(|(_, names)| !names.is_empty());
        let difference: Vec<String> = parts.map(|(what, names)| format!("{what} {names}")).collect();
        let message = format!(
            "its column families are not those of the MANIFEST ({}): RocksDB may refuse to open the restored database with it, \
             or miss a column family. The restored database opens without the OPTIONS file, with the options of the application",
            difference.join(", ")
        );
        diagnostics.warn(WarningName::OptionsDiffer, &self.file.path, message);
    }

    /// The file as one of the image.
    pub(super) fn image_file(&self) -> ImageFile {
        plain_file(
            DbFileName::Options(self.number),
            self.file.size_bytes,
            self.file.content(),
        )
    }
}

/// What is wrong with the newest OPTIONS file, for who looks for damage.
fn damage_of(error: &Error) -> String {
    let reason = error
        .findings()
        .first()
        .map_or_else(|| error.one_line(), |finding| finding.reason.clone());
    format!("{reason}; RocksDB cannot load the options of this database (LoadLatestOptions)")
}

fn options_number(file: &super::listing::ListedFile) -> Option<FileNumber> {
    match file.parsed {
        Some(DbFileName::Options(number)) => Some(number),
        _ => None,
    }
}
