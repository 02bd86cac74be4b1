//! OPTIONS files that `restore` and `open` do not write as the backup has them.

use stonekeep::engine::restore::RewrittenOptions;

use super::text::Page;

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
