//! What a command may say and leave behind when it was given something hostile.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::measured::Measured;
use super::shot::Shot;
use super::site::Site;
use super::words::Line;

/// The most memory that a command may have.
pub(super) const MEMORY_KIB: u64 = 64 << 10;

/// Done; failed or refused; damage was found; not found; locked (`docs/cli.md`). No line here is a mistake of the user's.
const CODES: [i32; 5] = [0, 1, 3, 4, 5];
/// Ended by SIGTERM.
const ASKED_TO_END: i32 = 143;
const SIGTERM: i32 = 15;
/// So much of an output is shown.
const SHOWN: usize = 600;

/// What is there before a command.
pub(super) struct Before {
    shot: Shot,
    except: Vec<PathBuf>,
    may_change: Vec<PathBuf>,
    linked: Vec<PathBuf>,
}

impl Before {
    /// Looks at everything but what the command may change.
    pub(super) fn of(site: &Site, line: &Line) -> Result<Self> {
        let mut except = line.may_change.clone();
        except.push(site.report());
        let mut linked = line.links.clone();
        linked.push(site.outside().join("linked"));
        let from_base = |paths: &[PathBuf]| {
            let paths = paths
                .iter()
                .map(|path| path.strip_prefix(site.base()).map(Path::to_owned));
            paths.collect::<std::result::Result<Vec<_>, _>>()
        };
        Ok(Before {
            shot: Shot::of(site.base(), &except)?,
            may_change: from_base(&except)?,
            linked: from_base(&linked)?,
            except,
        })
    }

    /// Nothing else has changed, and nothing special was restored.
    pub(super) fn check(&self, site: &Site, line: &Line) -> Result<()> {
        let now = Shot::of(site.base(), &self.except)?;
        if let Some(difference) = now.difference(&self.shot, &self.may_change, &self.linked) {
            bail!("something else was touched: {difference}");
        }
        for target in &line.restores_to {
            if std::fs::symlink_metadata(target).is_ok() {
                let special = Shot::of(target, &[])?.anything_special();
                ensure!(special.is_none(), "restored: {}", special.unwrap_or_default());
            }
        }
        let temporary = Shot::of(&site.temporary(), &[])?;
        ensure!(temporary.is_empty(), "temporary files are left: {temporary:?}");
        Ok(())
    }
}

/// The command has ended as documented, in bounded memory, and its output harms no terminal.
pub(super) fn check(ran: &Measured, line: &Line, was_asked_to_end: bool) -> Result<()> {
    ensure!(!ran.is_late, "it does not end");
    let shown = || {
        let text = String::from_utf8_lossy(&ran.stderr);
        text.chars()
            .take(SHOWN)
            .flat_map(char::escape_debug)
            .collect::<String>()
    };
    let is_documented = |code| CODES.contains(&code) || (was_asked_to_end && code == ASKED_TO_END);
    match (ran.code, ran.signal) {
        (Some(code), _) if is_documented(code) => {}
        // Commands that only read leave it to the system to end them.
        (_, Some(SIGTERM)) if was_asked_to_end => {}
        (code, signal) => bail!("it ends with code {code:?}, signal {signal:?}: {}", shown()),
    }
    ensure!(
        ran.peak_kib <= MEMORY_KIB,
        "it takes {} KiB of memory, exit code {:?}: {}",
        ran.peak_kib,
        ran.code,
        shown()
    );
    for (name, output) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        let text = std::str::from_utf8(output).with_context(|| format!("{name} is no text: {}", shown()))?;
        ensure!(!text.contains("panicked at"), "a panic: {}", shown());
        let hidden = text.char_indices().find(|(_, c)| is_hidden(*c));
        if let Some((at, c)) = hidden {
            let from = text[..at]
                .char_indices()
                .rev()
                .nth(80)
                .map_or(0, |(from, _)| from);
            bail!("{name} has {c:?} after {:?}", &text[from..at]);
        }
    }
    if line.words.iter().any(|word| word == "--json") {
        let document = serde_json::from_slice::<serde_json::Value>(&ran.stdout);
        document.with_context(|| format!("stdout is no JSON document: {}", shown()))?;
    }
    Ok(())
}

/// Whether a character moves the cursor, begins a sequence, or turns the direction of text.
fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {

    use super::*;

    fn ran(code: i32, peak_kib: u64, stdout: &[u8]) -> Measured {
        Measured {
            code: Some(code),
            signal: None,
            peak_kib,
            is_late: false,
            stdout: stdout.to_vec(),
            stderr: Vec::new(),
        }
    }

    #[test]
    fn what_must_not_be_is_seen() {
        let line = Line {
            words: Vec::new(),
            may_change: Vec::new(),
            restores_to: Vec::new(),
            links: Vec::new(),
            name: String::new(),
        };
        let is_fine = |ran: &Measured| check(ran, &line, false).is_ok();
        assert!(is_fine(&ran(3, MEMORY_KIB, b"damaged: a\n")));
        assert!(!is_fine(&ran(2, 0, b"")));
        assert!(!is_fine(&ran(143, 0, b"")));
        assert!(check(&ran(143, 0, b""), &line, true).is_ok());
        assert!(!is_fine(&ran(0, MEMORY_KIB + 1, b"")));
        for output in [
            &b"\x1b"[..],
            b"\xff",
            b"\r",
            "\u{9b}".as_bytes(),
            "\u{202e}".as_bytes(),
            b"panicked at",
        ] {
            assert!(!is_fine(&ran(0, 0, output)), "{output:?}");
        }
        let mut killed = ran(0, 0, b"");
        (killed.code, killed.signal) = (None, Some(6));
        assert!(!is_fine(&killed));
    }
}
