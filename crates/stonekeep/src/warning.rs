//! Problems that do not stop the work: each has a name that stays, a place, and a message for people.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares [`WarningName`] with the text of each name, so that the two cannot differ.
macro_rules! warning_names {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// What kind of problem a [`Warning`] reports. Names are stable: scripts select by them, and
        /// [`CreateBackupOptions`](crate::engine::CreateBackupOptions) accepts by them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum WarningName {
            $($(#[$doc])* $variant,)*
        }

        impl WarningName {
            /// Every name, in the order of the documentation.
            pub const ALL: &[WarningName] = &[$(WarningName::$variant,)*];

            /// The name as it is written in text, JSON and on the command line.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(WarningName::$variant => $text,)*
                }
            }
        }
    };
}

warning_names! {
    /// A backup that a newer version recorded with a name this version does not know.
    Other = "other",
    /// WALs that the database needs to replay, or may need, are absent.
    WalsMissing = "wals-missing",
    /// A WAL is damaged or ends in an incomplete record although newer WALs hold data, or contradicts the MANIFEST.
    WalDamaged = "wal-damaged",
    /// WALs exist in a second place, and were left out.
    WalDirDoubtful = "wal-dir-doubtful",
    /// The database wrote without a WAL; what it had not flushed is not in the backup.
    WritesWithoutWal = "writes-without-wal",
    /// `backup_log_files` is off, so writes that only WALs hold are not in the backup.
    WalsLeftOut = "wals-left-out",
    /// `manual_wal_flush` is on; the buffer of the WAL is not captured.
    ManualWalFlush = "manual-wal-flush",
    /// The last sequence number is known within bounds only.
    SequenceUncertain = "sequence-uncertain",
    /// The OPTIONS file cannot be read and was left out.
    OptionsUnreadable = "options-unreadable",
    /// WALs may refer to blob files that the MANIFEST does not name.
    BlobsNotInManifest = "blobs-not-in-manifest",
    /// A table or blob file has a format that is not RocksDB's own.
    UnknownTableFormat = "unknown-table-format",
    /// Tables lie in several directories; the backup is flat.
    SeveralPaths = "several-paths",
    /// The file system is not known to keep what a backup or a capture needs.
    FileSystem = "file-system",
    /// The database id cannot be used or is not known.
    DatabaseId = "database-id",
    /// The sequence number is below that of an earlier backup of the same database.
    SequenceWentBack = "sequence-went-back",
    /// The MANIFEST ends in a torn record, and tables that it does not name may hold later writes.
    ManifestTorn = "manifest-torn",
    /// The OPTIONS file has other column families than the MANIFEST.
    OptionsDiffer = "options-differ",
    /// An option of the engine has no effect, or a doubtful one.
    Options = "options",
    /// Files are stored again under names of another kind.
    StoredAgain = "stored-again",
    /// Direct reads were asked for and are not possible.
    DirectReads = "direct-reads",
    /// A meta file is not the one that the facts of its backup describe: it is damaged, or of another engine.
    OtherMeta = "other-meta",
    /// What Stonekeep has recorded about a backup is damaged: its tags, among others, are unknown.
    FactsDamaged = "facts-damaged",
    /// A meta file has text where RocksDB expects a number.
    MetaNumbers = "meta-numbers",
    /// Whether a backup lists every file of its MANIFEST could not be checked.
    ListNotChecked = "list-not-checked",
    /// A temporary directory of RocksDB's engine that endangers a backup.
    ForeignLeftover = "foreign-leftover",
    /// A pin cannot be read and protects everything.
    UnreadablePin = "unreadable-pin",
    /// The restored OPTIONS name a `wal_dir` where the WALs are not.
    WalDirOfOptions = "wal-dir-of-options",
    /// The restored OPTIONS name a `db_log_dir` outside of the restored directory.
    ForeignLogDir = "foreign-log-dir",
    /// The database that was restored over had newer data than the backup.
    TargetIsNewer = "target-is-newer",
    /// What is restored belongs to another user than the one who is likely to run the database.
    Owner = "owner",
    /// The database that was restored over has WALs in a directory that the restore does not change.
    OldWals = "old-wals",
    /// WALs that the restore leaves where they are.
    WalsKept = "wals-kept",
    /// An interrupted restore was finished; no other backup was considered.
    RestoreResumed = "restore-resumed",
    /// The restore is complete, but what it replaced could not be removed.
    NotCleanedUp = "not-cleaned-up",
    /// When files were verified is not remembered, since the repository cannot be written.
    NotRemembered = "not-remembered",
    /// Files that a deletion or collection could not remove.
    NotRemoved = "not-removed",
    /// The store cannot be listed, so that a newer backup than the one that was taken as the latest may exist.
    NotListed = "not-listed",
    /// A newer backup is damaged and was passed over.
    PassedOver = "passed-over",
    /// A restore of a damaged backup left out what is damaged, as was asked for.
    LeftOut = "left-out",
    /// LevelDB wrote the database, not RocksDB.
    LevelDb = "leveldb",
    /// Files or directories beside the database that RocksDB does not know are not backed up.
    UnknownFiles = "unknown-files",
    /// A file that `include` asks for is not in the backup, or a pattern of it matches no file.
    NotIncluded = "not-included",
    /// A database that a pattern of the command's configuration file has found is gone.
    Vanished = "vanished",
    /// A verification found a file damaged that the backup needs.
    KnownDamage = "known-damage",
}

impl FromStr for WarningName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.iter().find(|name| name.as_str() == text);
        named.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|name| name.as_str()).collect();
            format!("not the name of a warning; the names are {}", names.join(", "))
        })
    }
}

impl fmt::Display for WarningName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for WarningName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for WarningName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(text.parse().unwrap_or(WarningName::Other))
    }
}

/// A problem that does not stop the work. It is part of the operation's report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Warning {
    /// What kind of problem it is.
    pub name: WarningName,
    /// The file, directory or backup concerned, where there is one.
    #[serde(default)]
    pub about: Option<String>,
    /// What the user should know.
    pub message: String,
    /// Whether the user knows of this kind of problem and accepts it.
    #[serde(default)]
    pub accepted: bool,
}

impl Warning {
    /// A warning about a file, directory or backup.
    pub fn about(name: WarningName, about: impl Into<String>, message: impl Into<String>) -> Self {
        Warning {
            about: Some(about.into()),
            ..Warning::general(name, message)
        }
    }

    /// The same, accepted if its name is among these.
    #[must_use]
    pub fn accepted_by(mut self, accepted: &[WarningName]) -> Self {
        self.accepted |= accepted.contains(&self.name);
        self
    }

    /// A warning about the operation as a whole.
    pub fn general(name: WarningName, message: impl Into<String>) -> Self {
        Warning {
            name,
            about: None,
            message: message.into(),
            accepted: false,
        }
    }
}

/// The place and the message. The name is left to the caller, since a list may show it in a column of its own.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.about {
            Some(about) => write!(f, "{about}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
