//! Makes the directories between the place that databases share and the repository of one of them.
//!
//! The place itself is never made: a disk that is not mounted would be missed. On a local disk and in HDFS, where every directory must be
//! made before there can be something in it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use rustix::process::geteuid;
use stonekeep::store::hdfs::HdfsStore;
use stonekeep::{IoContext, Result};

use crate::args::place::scheme;
use crate::args::repository::parse_setting;
use crate::invocation::{Job, Place, Secrets, Unusable};

/// The commands that make a repository, with the option that names it.
const MAKERS: [(&str, &str); 2] = [("backup", "repo"), ("copy", "to")];

/// Those of HDFS that are made, since each costs a connection to look.
#[derive(Debug, Default)]
pub(super) struct Parents(HashSet<String>);

impl Parents {
    /// Makes those that a job needs. Of several repositories, one for which that fails is only unusable.
    pub(super) fn make(&mut self, job: &Job, secrets: &mut Secrets, unusable: &Unusable) -> Result<()> {
        let is_made = |place: &&Place| MAKERS.contains(&(job.verb(), place.option));
        for place in job.places.iter().filter(is_made) {
            if job.has("dry-run") || unusable.has(&place.target.location) {
                continue;
            }
            let made = self.make_for(job, place, secrets);
            job.or_unusable(place, made, unusable)?;
        }
        Ok(())
    }

    fn make_for(&mut self, job: &Job, place: &Place, secrets: &mut Secrets) -> Result<()> {
        let target = &place.target;
        match scheme(&target.location) {
            None => make_below(Path::new(&target.shared), Path::new(&target.location)),
            Some("hdfs") => {
                let settings = job.store_settings(place, secrets)?;
                self.make_in_hdfs((&target.shared, &target.location), &settings)
            }
            Some(_) => Ok(()),
        }
    }

    fn make_in_hdfs(&mut self, (shared, repository): (&str, &str), settings: &[String]) -> Result<()> {
        let settings: Vec<(String, String)> = settings
            .iter()
            .filter_map(|setting| parse_setting(setting).ok())
            .collect();
        let shared = shared.trim_end_matches('/');
        let below = repository.strip_prefix(shared).unwrap_or_default();
        let Some((below, _)) = below.trim_matches('/').rsplit_once('/') else {
            return Ok(());
        };
        let mut directory = shared.to_owned();
        for name in below.split('/') {
            directory = format!("{directory}/{name}");
            if !self.0.contains(&directory) {
                HdfsStore::open(&directory, &settings)?.create_directory()?;
                self.0.insert(directory.clone());
            }
        }
        Ok(())
    }
}

/// Makes what is between them. They belong to the owner of the shared place, as what root makes in a repository does.
fn make_below(shared: &Path, repository: &Path) -> Result<()> {
    let Some(parent) = repository.parent().filter(|parent| *parent != shared) else {
        return Ok(());
    };
    let Ok(below) = parent.strip_prefix(shared) else {
        return Ok(());
    };
    // That the place is missing is reported where the repository is opened.
    let Ok(about) = fs::metadata(shared) else {
        return Ok(());
    };
    let mut directory = shared.to_owned();
    for name in below {
        let above = directory.clone();
        directory.push(name);
        match fs::create_dir(&directory) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error).context("making", &directory),
        }
        if geteuid().is_root() {
            chown(&directory, Some(about.uid()), Some(about.gid())).context("giving away", &directory)?;
        }
        let sync = File::open(&above).and_then(|above| above.sync_all());
        sync.context("syncing", &above)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_the_shared_place_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let shared = directory.path().join("shared");
        make_below(&shared, &shared.join("a/b/c")).unwrap();
        assert!(!shared.exists());
        fs::create_dir(&shared).unwrap();
        for _ in 0..2 {
            make_below(&shared, &shared.join("a/b/c")).unwrap();
            assert!(shared.join("a/b").is_dir() && !shared.join("a/b/c").exists());
        }
        make_below(&shared, &shared.join("d")).unwrap();
        assert!(!shared.join("d").exists());
        fs::write(shared.join("file"), "").unwrap();
        assert!(make_below(&shared, &shared.join("file/b/c")).is_err());
    }
}
