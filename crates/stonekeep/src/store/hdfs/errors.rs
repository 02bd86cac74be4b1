//! Translates errors of HDFS: their kind, their text without Java's stack, what to check, and whether waiting may help.

use std::io;
use std::time::Duration;

use hdfs_native::HdfsError;

use crate::Error;

const ADDRESS: &str = "check the host and the port of the NameNode (dfs.namenode.rpc-address, usually port 8020), and that it runs";
const NO_RPC: &str = "something answers there as no NameNode does: check the port (dfs.namenode.rpc-address, usually port 8020); the NameNode's web \
                      interface has another port (9870)";
const NO_NAME_NODE: &str =
    "this is another port of Hadoop: use that of the NameNode (dfs.namenode.rpc-address, usually port 8020)";
const PATH: &str = "a repository is a directory: check the path";
const PERMISSION: &str =
    "check the user (option hdfs_user, variable HADOOP_USER_NAME) and the permissions of the path";
const QUOTA: &str = "raise the quota of the directory (hdfs dfsadmin -setSpaceQuota, -setQuota), or purge old backups; \
                     the backups that are there are unharmed. While a file is written, HDFS counts a whole block of each replica: \
                     a smaller hdfs_block_size or hdfs_replication needs less";
const SAFE_MODE: &str = "the NameNode takes no changes in safe mode: see hdfs dfsadmin -safemode get";
const DATA_NODES: &str = "check that NameNode and DataNodes run and have room (hdfs dfsadmin -report), and that this machine reaches them";
const KERBEROS: &str = "check the ticket (klist; kinit gets one), that HADOOP_CONF_DIR names the directory of the cluster's core-site.xml, and that the \
                        library libgssapi_krb5 is installed";
const STANDBY: &str = "this NameNode is not the active one: use the name service, with HADOOP_CONF_DIR naming its configuration";

/// What a failure is, as far as the store acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nothing is there, or its parent is not.
    Absent,
    /// Something is there already.
    Taken,
    /// The path leads through a file.
    NotADirectory,
    /// A directory that is not empty.
    NotEmpty,
    Permission,
    Quota,
    SafeMode,
    Standby,
    Kerberos,
    /// The NameNode was not reached, or went away.
    Unreached,
    /// What answers is no NameNode.
    NoNameNode,
    /// Bytes could not be read from or written to DataNodes.
    DataNodes,
    Other,
}

impl Cause {
    pub(super) fn of(error: &HdfsError) -> Self {
        use HdfsError as E;
        match error {
            E::FileNotFound(_) => Cause::Absent,
            E::AlreadyExists(_) => Cause::Taken,
            E::RPCError(class, text) | E::FatalRPCError(class, text) => Cause::of_exception(class, text),
            E::SASLError(_) | E::GSSAPIError(..) | E::NoSASLMechanism => Cause::Kerberos,
            E::IOError(_) | E::InvalidRPCResponse(_) => Cause::Unreached,
            E::DataTransferError(_) | E::ChecksumError | E::BlocksNotFound(_) => Cause::DataNodes,
            _ => Cause::Other,
        }
    }

    fn of_exception(class: &str, text: &str) -> Self {
        let is = |words: &str| class.ends_with(words) || text.contains(words);
        match class.rsplit('.').next().unwrap_or(class) {
            "FileNotFoundException" => Cause::Absent,
            // So a listing says that a part of its path is a file.
            "AccessControlException" if text.contains("(is not a directory)") => Cause::NotADirectory,
            "ParentNotDirectoryException" => Cause::NotADirectory,
            "PathIsNotEmptyDirectoryException" => Cause::NotEmpty,
            "AccessControlException" if text.contains("SIMPLE authentication is not enabled") => {
                Cause::Kerberos
            }
            "RpcNoSuchProtocolException" => Cause::NoNameNode,
            "AccessControlException" | "AuthorizationException" => Cause::Permission,
            "StandbyException" => Cause::Standby,
            _ if is("QuotaExceededException") => Cause::Quota,
            _ if is("SafeModeException") => Cause::SafeMode,
            _ if is("could only be written to") || is("NotReplicatedYetException") => Cause::DataNodes,
            "RetriableException" => Cause::Unreached,
            _ => Cause::Other,
        }
    }

    /// Whether the same may succeed later without anybody's help: a NameNode restarts, a DataNode is replaced.
    pub(super) fn may_pass(self) -> bool {
        matches!(
            self,
            Cause::Unreached | Cause::DataNodes | Cause::SafeMode | Cause::Standby
        )
    }

    fn kind(self) -> io::ErrorKind {
        match self {
            Cause::Absent => io::ErrorKind::NotFound,
            Cause::Taken => io::ErrorKind::AlreadyExists,
            Cause::NotADirectory => io::ErrorKind::NotADirectory,
            Cause::NotEmpty => io::ErrorKind::DirectoryNotEmpty,
            Cause::Permission | Cause::Kerberos => io::ErrorKind::PermissionDenied,
            Cause::Quota => io::ErrorKind::QuotaExceeded,
            Cause::SafeMode => io::ErrorKind::ReadOnlyFilesystem,
            _ => io::ErrorKind::Other,
        }
    }

    fn hint(self) -> Option<&'static str> {
        match self {
            Cause::Permission => Some(PERMISSION),
            Cause::Quota => Some(QUOTA),
            Cause::SafeMode => Some(SAFE_MODE),
            Cause::Standby => Some(STANDBY),
            Cause::Kerberos => Some(KERBEROS),
            Cause::Unreached => Some(ADDRESS),
            Cause::NoNameNode => Some(NO_NAME_NODE),
            Cause::NotADirectory => Some(PATH),
            Cause::DataNodes => Some(DATA_NODES),
            _ => None,
        }
    }
}

/// The error of a call; `doing` is what was tried on which path, as in "listing meta".
pub(super) fn explain(doing: &str, place: &str, error: &HdfsError) -> Error {
    let cause = Cause::of(error);
    let doing = format!("{doing} of {place}");
    let text = in_short(error);
    let explained = match cause {
        Cause::Absent => Error::not_found(format!("{doing}: it does not exist"))
            .with_source(io::Error::new(cause.kind(), text)),
        _ => Error::io(doing, io::Error::new(cause.kind(), text)),
    };
    // So the client says that the other side has closed the connection.
    let is_closed = cause == Cause::Unreached && explained.one_line().contains("listener disconnected");
    match cause.hint().map(|hint| if is_closed { NO_RPC } else { hint }) {
        Some(hint) => explained.with_hint(hint),
        None => explained,
    }
}

/// The error of a client that cannot be made for the NameNode or the name service of this URL.
pub(super) fn not_opened(url: &str, place: &str, error: &HdfsError) -> Error {
    let name = url.trim_start_matches("hdfs://");
    let text = in_short(error);
    match error {
        HdfsError::XmlParseError(_) => {
            let message =
                format!("{place} cannot be opened: the configuration of Hadoop is not valid XML: {text}");
            Error::invalid(message).with_hint(
                "correct core-site.xml or hdfs-site.xml in the directory that HADOOP_CONF_DIR names",
            )
        }
        _ => {
            let message =
                format!("{place} cannot be opened: nothing says where the name service {name} is: {text}");
            Error::invalid(message).with_hint(format!(
                "write the host and the port of the NameNode (usually 8020), or set HADOOP_CONF_DIR to the directory whose \
                 hdfs-site.xml names the NameNodes (dfs.ha.namenodes.{name})"
            ))
        }
    }
}

/// The error of a call that nothing answers.
pub(super) fn no_answer(doing: &str, place: &str, limit: Duration) -> Error {
    let cause = io::Error::new(
        io::ErrorKind::TimedOut,
        format!("no answer within {} s", limit.as_secs()),
    );
    Error::io(format!("{doing} of {place}"), cause).with_hint(ADDRESS)
}

/// The text of the error without Java's stack.
pub(super) fn in_short(error: &HdfsError) -> String {
    let text = match error {
        HdfsError::RPCError(class, text) | HdfsError::FatalRPCError(class, text) => {
            let class = class.rsplit(['.', '$']).next().unwrap_or(class);
            format!("{class}: {text}")
        }
        HdfsError::IOError(error) => error.to_string(),
        other => other.to_string(),
    };
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().trim_end().to_owned();
    // Some put the reason on the lines that follow; the stack begins with "at".
    let more = lines.map(str::trim).take_while(|line| !line.starts_with("at "));
    more.filter(|line| !line.is_empty())
        .fold(first, |text, line| format!("{text} {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rpc(class: &str, text: &str) -> HdfsError {
        HdfsError::RPCError(class.to_owned(), text.to_owned())
    }

    #[test]
    fn causes_are_told_apart_by_the_exception() {
        let hdfs = "org.apache.hadoop.hdfs.protocol";
        for (error, cause) in [
            (
                rpc("java.io.FileNotFoundException", "File does not exist: /a"),
                Cause::Absent,
            ),
            (
                rpc(
                    "org.apache.hadoop.security.AccessControlException",
                    "/a (is not a directory)\n\tat x",
                ),
                Cause::NotADirectory,
            ),
            (
                rpc(
                    "org.apache.hadoop.security.AccessControlException",
                    "Permission denied: user=eve",
                ),
                Cause::Permission,
            ),
            (
                rpc(&format!("{hdfs}.DSQuotaExceededException"), "the quota"),
                Cause::Quota,
            ),
            (
                rpc(&format!("{hdfs}.NSQuotaExceededException"), "the quota"),
                Cause::Quota,
            ),
            (
                rpc(
                    "org.apache.hadoop.hdfs.server.namenode.SafeModeException",
                    "Cannot create file",
                ),
                Cause::SafeMode,
            ),
            (
                rpc(
                    "org.apache.hadoop.ipc.RetriableException",
                    "org.apache.hadoop.hdfs.server.namenode.SafeModeException: Zero blocklocations",
                ),
                Cause::SafeMode,
            ),
            (
                rpc(
                    "java.io.IOException",
                    "File /a could only be written to 0 of the 1 minReplication nodes.",
                ),
                Cause::DataNodes,
            ),
            (rpc("java.io.IOException", "something else"), Cause::Other),
        ] {
            assert_eq!(Cause::of(&error), cause, "{error:?}");
        }
    }

    #[test]
    fn each_cause_has_its_kind_and_says_what_to_check() {
        let of = |error: &HdfsError| {
            let explained = explain("listing meta", "hdfs://n1:8020/p", error);
            (
                explained.io_kind(),
                explained.hint().unwrap_or_default().to_owned(),
            )
        };
        let hadoop = |class: &str| rpc(&format!("org.apache.hadoop.{class}"), "no");
        let refused = HdfsError::IOError(io::ErrorKind::ConnectionRefused.into());
        for (error, kind, hint) in [
            (
                HdfsError::AlreadyExists("/a".to_owned()),
                io::ErrorKind::AlreadyExists,
                "",
            ),
            (
                hadoop("fs.ParentNotDirectoryException"),
                io::ErrorKind::NotADirectory,
                PATH,
            ),
            (
                hadoop("fs.PathIsNotEmptyDirectoryException"),
                io::ErrorKind::DirectoryNotEmpty,
                "",
            ),
            (hadoop("ipc.StandbyException"), io::ErrorKind::Other, STANDBY),
            (
                hadoop("ipc.RpcNoSuchProtocolException"),
                io::ErrorKind::Other,
                NO_NAME_NODE,
            ),
            (
                hadoop("hdfs.SafeModeException"),
                io::ErrorKind::ReadOnlyFilesystem,
                SAFE_MODE,
            ),
            (
                HdfsError::NoSASLMechanism,
                io::ErrorKind::PermissionDenied,
                KERBEROS,
            ),
            (HdfsError::ChecksumError, io::ErrorKind::Other, DATA_NODES),
            (refused, io::ErrorKind::Other, ADDRESS),
        ] {
            assert_eq!(of(&error), (Some(kind), hint.to_owned()), "{error:?}");
        }
        let kerberos = "SIMPLE authentication is not enabled.  Available:[TOKEN, KERBEROS]";
        let error = rpc("org.apache.hadoop.security.AccessControlException", kerberos);
        assert_eq!(Cause::of(&error), Cause::Kerberos);
    }

    #[test]
    fn what_the_configuration_lacks_is_named() {
        let unknown = HdfsError::InvalidArgument("no host".to_owned());
        let error = not_opened("hdfs://cluster", "hdfs://cluster/p", &unknown);
        assert!(
            error
                .to_string()
                .contains("nothing says where the name service cluster is: "),
            "{error}"
        );
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("dfs.ha.namenodes.cluster"))
        );
        let silent = no_answer("listing meta", "hdfs://n1:8020/p", Duration::from_secs(30));
        assert_eq!(silent.io_kind(), Some(io::ErrorKind::TimedOut));
        assert_eq!(
            silent.one_line(),
            "listing meta of hdfs://n1:8020/p: no answer within 30 s"
        );
    }

    #[test]
    fn a_message_has_no_stack_and_says_what_to_check() {
        let refused = rpc(
            "org.apache.hadoop.security.AccessControlException",
            "Permission denied: user=eve, access=WRITE\n\tat org.apache.hadoop.X(X.java:1)",
        );
        let error = explain("writing meta/1", "hdfs://n1:8020/p", &refused);
        assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied));
        assert_eq!(
            error.one_line(),
            "writing meta/1 of hdfs://n1:8020/p: AccessControlException: Permission denied: user=eve, access=WRITE"
        );
        assert!(error.hint().is_some_and(|hint| hint.contains("hdfs_user")));
        let absent = explain(
            "reading meta/1",
            "hdfs://n1:8020/p",
            &HdfsError::FileNotFound("/p/meta/1".to_owned()),
        );
        assert_eq!(absent.kind(), crate::ErrorKind::NotFound);
    }
}
