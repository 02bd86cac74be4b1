//! Where a restore writes: the directories of a database, over the local file system.

mod real_path;

pub(crate) use self::real_path::real_path;
