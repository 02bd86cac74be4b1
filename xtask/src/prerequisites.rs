//! Finds the packages that the proof needs and that are not installed.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Something that is not there, with what to do about it.
pub(crate) struct Missing {
    what: &'static str,
    install: &'static str,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is missing: {}", self.what, self.install)
    }
}

/// What the proof cannot be built without.
pub(crate) fn needed() -> Vec<Missing> {
    let mut missing = Vec::new();
    if !has_libclang() {
        missing.push(Missing {
            what: "libclang (rocksdb's bindings are generated with it)",
            install: "apt-get install libclang-dev, dnf install clang-devel, or brew install llvm; \
                elsewhere set LIBCLANG_PATH to its directory",
        });
    }
    if !answers(compiler()) {
        missing.push(Missing {
            what: "a C++ compiler",
            install: "apt-get install g++, dnf install gcc-c++, or set CXX",
        });
    }
    missing
}

/// What some proofs are skipped without.
pub(crate) fn wanted() -> Vec<Missing> {
    let mut missing = Vec::new();
    if !answers("ldb".into()) {
        missing.push(Missing {
            what: "ldb (RocksDB's command-line tool, of another version)",
            install: "apt-get install rocksdb-tools, or dnf install rocksdb",
        });
    }
    missing
}

/// What the older engines' fixtures are made with.
pub(crate) fn java() -> Vec<Missing> {
    let mut missing = Vec::new();
    if !answers("java".into()) || !answers("mvn".into()) {
        missing.push(Missing {
            what: "Java with Maven",
            install: "apt-get install openjdk-17-jdk-headless maven",
        });
    }
    missing
}

fn compiler() -> OsString {
    std::env::var_os("CXX").unwrap_or_else(|| "c++".into())
}

fn answers(program: OsString) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok()
}

fn has_libclang() -> bool {
    std::env::var_os("LIBCLANG_PATH")
        .map(PathBuf::from)
        .into_iter()
        .chain(llvm_config())
        .chain(library_directories())
        .any(|path| is_libclang(&path) || holds_libclang(&path))
}

/// The directory that an installed `llvm-config` names.
fn llvm_config() -> Option<PathBuf> {
    let program = std::env::var_os("LLVM_CONFIG_PATH").unwrap_or_else(|| "llvm-config".into());
    let output = Command::new(program).arg("--libdir").output().ok()?;
    Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Where Linux distributions and Homebrew put it; clang-sys, which looks for it in the end, knows the same.
fn library_directories() -> Vec<PathBuf> {
    const FIXED: [&str; 8] = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/local/lib64",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/opt/homebrew/opt/llvm/lib",
        "/usr/local/opt/llvm/lib",
    ];
    let versions = fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let versions = versions.filter(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("llvm"))
    });
    FIXED
        .iter()
        .map(PathBuf::from)
        .chain(versions.flat_map(|path| [path.join("lib"), path.join("lib64")]))
        .collect()
}

fn holds_libclang(directory: &Path) -> bool {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| is_libclang(&entry.path()))
}

/// `libclang.so`, `libclang-14.so.1`, `libclang.dylib`; not `libclang-cpp.so`.
fn is_libclang(path: &Path) -> bool {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else {
        return false;
    };
    let Some(rest) = name.strip_prefix("libclang") else {
        return false;
    };
    let library = rest.contains(".so") || rest.ends_with(".dylib") || rest.ends_with(".dll");
    library
        && rest
            .strip_prefix('-')
            .unwrap_or(rest)
            .starts_with(|c: char| c == '.' || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libclang_is_known_by_its_file_name() {
        for name in [
            "libclang.so",
            "libclang-14.so",
            "libclang-14.so.1",
            "libclang.so.19.1",
            "libclang.dylib",
        ] {
            assert!(is_libclang(Path::new(name)), "{name}");
        }
        for name in [
            "libclang-cpp.so",
            "libclang-cpp.so.14",
            "libclangBasic.a",
            "libclang.a",
            "clang",
        ] {
            assert!(!is_libclang(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_does_not_answer() {
        assert!(!answers("no-such-program-of-any-name".into()));
        assert!(answers(std::env::var_os("CARGO").unwrap()));
    }
}
