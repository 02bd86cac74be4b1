//! OPTIONS files that `restore` and `open` do not write as the backup has them.

use serde::Serialize;
use stonekeep::engine::restore::RewrittenOptions;

use super::text::Page;

/// One of them in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct RewrittenJson<'a> {
    name: &'a str,
    wal_dir_before: Option<&'a str>,
    wal_dir: Option<&'a str>,
}

impl<'a> RewrittenJson<'a> {
    /// All in their order.
    pub(crate) fn all(files: &'a [RewrittenOptions]) -> Vec<Self> {
        let json = |file: &'a RewrittenOptions| RewrittenJson {
            name: &file.name,
            wal_dir_before: file.wal_dir_before.as_deref(),
            wal_dir: file.wal_dir.as_deref(),
        };
        files.iter().map(json).collect()
    }
}

/// A line for each; `differs` is "differs" or "would differ".
pub(crate) fn lines(page: &mut Page<'_>, files: &[RewrittenOptions], differs: &str) {
    for file in files {
        let value = |wal_dir: &Option<String>| wal_dir.clone().unwrap_or_else(|| "empty".to_owned());
        let reason = match file.wal_dir {
            Some(_) => "where the WALs are",
            None => "since the WALs are in the database's directory",
        };
        page.line(format!(
            "{} {differs} from the backup's: wal_dir is {} instead of {}, {reason}",
            file.name,
            value(&file.wal_dir),
            value(&file.wal_dir_before),
        ));
    }
}
