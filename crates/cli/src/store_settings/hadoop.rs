//! Looks whether the variable that names the configuration of Hadoop names a directory: the client passes over one that is not there.

use std::path::Path;

use crate::usage_error::UsageError;

const VARIABLE: &str = "HADOOP_CONF_DIR";

/// Refuses a variable that names no directory.
pub(crate) fn check() -> Result<(), UsageError> {
    let Some(directory) = std::env::var_os(VARIABLE).filter(|it| !it.is_empty()) else {
        return Ok(());
    };
    let directory = Path::new(&directory);
    if directory.is_dir() {
        return Ok(());
    }
    let message = format!("{VARIABLE} names {}, which is no directory", directory.display());
    Err(UsageError::new(message)
        .with_hint("name the directory of core-site.xml and hdfs-site.xml, or unset the variable"))
}
