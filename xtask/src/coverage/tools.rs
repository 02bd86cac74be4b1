//! The programs that count: `cargo llvm-cov`, which lets the compiler instrument the packages of the workspace alone, and the
//! `llvm-profdata` and `llvm-cov` of the LLVM that the compiler has.
//!
//! The wrapper of `cargo llvm-cov` is used as the wrapper of the workspace's packages: cargo keeps what it builds apart from
//! the same packages without counters, and builds all others only once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::{self, output};

const PREFIX: &str = "export ";

/// Programs and places.
pub(crate) struct Tools {
    cov: PathBuf,
    profdata: PathBuf,
    environment: Vec<(String, String)>,
    profiles: PathBuf,
}

impl Tools {
    pub(crate) fn find() -> Result<Self, String> {
        let version = llvm_version()?;
        let cov = program("LLVM_COV", "llvm-cov", &version)?;
        let profdata = program("LLVM_PROFDATA", "llvm-profdata", &version)?;
        let profiles = workspace::target().join("profiles");
        let mut show = workspace::cargo();
        show.args(["llvm-cov", "show-env", "--sh"])
            .env("LLVM_COV", &cov)
            .env("LLVM_PROFDATA", &profdata);
        let shown = output(&mut show).map_err(|reason| {
            format!("{reason}\ncargo llvm-cov is needed: cargo install cargo-llvm-cov --locked")
        })?;
        let mut environment = Vec::new();
        for (name, value) in shown.lines().filter_map(variable) {
            match name {
                "RUSTC_WRAPPER" => environment.push(("RUSTC_WORKSPACE_WRAPPER".to_owned(), value)),
                "LLVM_PROFILE_FILE" => {}
                _ => environment.push((name.to_owned(), value)),
            }
        }
        // Processes of the same program add to one of a few files: the tests start thousands.
        let file = profiles.join("%4m.profraw").display().to_string();
        environment.push(("LLVM_PROFILE_FILE".to_owned(), file));
        Ok(Tools {
            cov,
            profdata,
            environment,
            profiles,
        })
    }

    /// For the commands whose runs count.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Forgets what was counted before.
    pub(crate) fn begin(&self) -> Result<(), String> {
        let failed = |error| format!("{}: {error}", self.profiles.display());
        if self.profiles.exists() {
            fs::remove_dir_all(&self.profiles).map_err(failed)?;
        }
        fs::create_dir_all(&self.profiles).map_err(failed)
    }

    /// How often each line has run.
    pub(crate) fn lcov(&self) -> Result<String, String> {
        let merged = self.profiles.join("all.profdata");
        let raw = profiles(&self.profiles)?;
        if raw.is_empty() {
            return Err("nothing was counted: run the tests in the environment that \"cargo xtask coverage begin\" prints".to_owned());
        }
        let mut merge = Command::new(&self.profdata);
        workspace::run(merge.args(["merge", "-sparse", "-o"]).arg(&merged).args(raw))?;
        let mut export = Command::new(&self.cov);
        export
            .args(["export", "-format=lcov", "-skip-functions", "-skip-branches"])
            .arg("-instr-profile")
            .arg(&merged);
        for executable in self.executables()? {
            export.arg("-object").arg(executable);
        }
        output(&mut export)
    }

    /// The programs that the tests are and start, as cargo has built them for this state of the sources.
    fn executables(&self) -> Result<BTreeSet<String>, String> {
        let mut build = workspace::cargo();
        build
            .args(["test", "--quiet", "--locked", "--no-run", "--message-format=json"])
            .envs(self.environment());
        workspace::executables(&mut build)
    }
}

/// The first number of the version of the LLVM that rustc has: data of another one is not read.
fn llvm_version() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = output(Command::new(rustc).arg("-vV"))?;
    let version = text.lines().find_map(|line| line.strip_prefix("LLVM version: "));
    let first = version.and_then(|version| version.split('.').next());
    first
        .map(str::to_owned)
        .ok_or_else(|| "rustc -vV names no version of LLVM".to_owned())
}

/// A program of LLVM: the one that a variable names, the one of rustup, or the one of the distribution.
fn program(variable: &str, name: &str, version: &str) -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os(variable) {
        return Ok(named.into());
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries = output(Command::new(rustc).args(["--print", "target-libdir"]))?;
    let candidates = [
        Path::new(libraries.trim()).with_file_name("bin").join(name),
        Path::new("/usr/lib")
            .join(format!("llvm-{version}/bin"))
            .join(name),
    ];
    candidates.into_iter().find(|path| path.exists()).ok_or_else(|| {
        format!("{name} of LLVM {version} is missing: rustup component add llvm-tools, apt-get install llvm-{version}, or set {variable}")
    })
}

/// `export NAME='value'`
fn variable(line: &str) -> Option<(&str, String)> {
    let (name, value) = line.strip_prefix(PREFIX)?.split_once('=')?;
    let value = value
        .strip_prefix('\'')
        .and_then(|value| value.strip_suffix('\''))
        .unwrap_or(value);
    Some((name, value.replace(r"'\''", "'")))
}

fn profiles(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("{}: {error}", directory.display());
    let mut profiles = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "profraw") {
            profiles.push(path);
        }
    }
    Ok(profiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_with_and_without_quotes() {
        assert_eq!(variable("export A=1"), Some(("A", "1".to_owned())));
        assert_eq!(variable("export A='-C x=y'"), Some(("A", "-C x=y".to_owned())));
        assert_eq!(variable("# A=1"), None);
    }

    #[test]
    fn a_missing_program_is_named_with_what_to_do() {
        let reason = program("NO_SUCH_VARIABLE", "no-such-program", "22").unwrap_err();
        assert!(
            reason.contains("no-such-program of LLVM 22 is missing"),
            "{reason}"
        );
        assert!(reason.contains("apt-get install llvm-22"), "{reason}");
    }
}
