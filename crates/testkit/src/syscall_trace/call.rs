//! Joins the lines that strace writes to system calls.

use std::collections::HashMap;
use std::io::{Error, Result};
use std::path::PathBuf;

/// A system call that has ended well.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    /// As they stand there, separated.
    pub(super) arguments: Vec<&'a str>,
    /// What it returned, with the path of a new descriptor.
    pub(super) result: &'a str,
    /// How many lines had ended when it began.
    pub(super) began: usize,
}

/// The lines of a log of `strace -f`, those of calls that others interrupted put together, without the process; each with
/// how many had ended when it began.
pub(super) fn whole_lines(log: &str) -> Result<Vec<(String, usize)>> {
    let mut lines = Vec::new();
    // The beginnings of calls that others interrupted, by process.
    let mut begun: HashMap<&str, (&str, usize)> = HashMap::new();
    for line in log.lines() {
        let (process, rest) = line.split_once(' ').ok_or_else(|| not_understood(line))?;
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(beginning) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(process, (beginning, lines.len()));
            continue;
        }
        lines.push(match rest.strip_prefix("<... ") {
            Some(end) => {
                let (_, end) = end.split_once(" resumed>").ok_or_else(|| not_understood(line))?;
                let (beginning, began) = begun.remove(process).ok_or_else(|| not_understood(line))?;
                (format!("{beginning}{end}"), began)
            }
            None => (rest.to_owned(), lines.len()),
        });
    }
    Ok(lines)
}

/// A call from a whole line; `None` if it failed.
pub(super) fn call(line: &str, began: usize) -> Result<Option<Call<'_>>> {
    let (name, text) = line.split_once('(').ok_or_else(|| not_understood(line))?;
    let (arguments, result) = text.rsplit_once(" = ").ok_or_else(|| not_understood(line))?;
    if result.starts_with('-') || result.starts_with('?') {
        return Ok(None);
    }
    let arguments = arguments.trim_end().strip_suffix(')');
    let arguments = arguments.ok_or_else(|| not_understood(line))?;
    Ok(Some(Call {
        name,
        arguments: arguments.split(", ").collect(),
        result,
        began,
    }))
}

impl Call<'_> {
    /// The argument at this place.
    pub(super) fn argument(&self, at: usize) -> Result<&str> {
        let argument = self.arguments.get(at).copied();
        argument.ok_or_else(|| not_understood(&format!("{self:?}")))
    }

    pub(super) fn number(&self, at: usize) -> Result<u64> {
        let argument = self.argument(at)?;
        argument.parse().map_err(|_| not_understood(argument))
    }

    /// The number that it returned.
    pub(super) fn returned(&self) -> Result<u64> {
        let digits = self.result.split(|c: char| !c.is_ascii_digit()).next();
        let digits = digits.unwrap_or_default();
        digits.parse().map_err(|_| not_understood(self.result))
    }

    /// The path that a name has, relative to the descriptor before it.
    pub(super) fn path_at(&self, directory: usize) -> Result<PathBuf> {
        let (_, directory_path) = descriptor(self.argument(directory)?)?;
        Ok(directory_path.unwrap_or_default().join(self.path(directory + 1)?))
    }

    pub(super) fn path(&self, at: usize) -> Result<PathBuf> {
        to_path(bytes(self.argument(at)?)?)
    }
}

/// The number of a descriptor and the path behind it; none if it is no file, or a deleted one. The number of the working
/// directory is the largest.
pub(super) fn descriptor(text: &str) -> Result<(u64, Option<PathBuf>)> {
    let (number, path) = text.split_once('<').ok_or_else(|| not_understood(text))?;
    let number = match number {
        "AT_FDCWD" => u64::MAX,
        number => number.parse().map_err(|_| not_understood(text))?,
    };
    if path.ends_with("(deleted)") {
        return Ok((number, None));
    }
    let path = path.strip_suffix('>').ok_or_else(|| not_understood(text))?;
    let path = to_path(unescaped(path)?)?;
    // A pipe or a socket has a name that is no path.
    Ok((number, path.is_absolute().then_some(path)))
}

/// The bytes of a quoted text.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>> {
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    unescaped(quoted.ok_or_else(|| not_understood(text))?)
}

/// With `-xx`, each byte is `\x` and two digits.
fn unescaped(text: &str) -> Result<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pieces = text.as_bytes().chunks(4).map(|piece| match piece {
        [b'\\', b'x', high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pieces
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| not_understood(text))
}

fn to_path(bytes: Vec<u8>) -> Result<PathBuf> {
    let text = String::from_utf8(bytes).map_err(|_| not_understood("a path that is no text"))?;
    Ok(PathBuf::from(text))
}

pub(super) fn not_understood(what: &str) -> Error {
    let shown: String = what.chars().take(300).collect();
    Error::other(format!("not understood in a trace: {shown}"))
}
