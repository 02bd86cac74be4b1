//! Changes of the files of a repository that an input asks for.

use stonekeep::format::checksum::crc32c;
use stonekeep_format_testkit::log::repair_checksums;
use stonekeep_testkit::sealed_text::seal;

use crate::files::Files;

/// Takes parts off an input.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn byte(&mut self) -> Option<usize> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(usize::from(*byte))
    }

    fn number(&mut self) -> Option<usize> {
        Some(self.byte()? << 8 | self.byte()?)
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (part, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        part
    }
}

/// No file becomes longer because it has a line many times.
const LONGEST: usize = 64 << 10;
/// Gives a text or a log the checksums that it must have.
const REPAIR: usize = 0x10;
/// Lists the file anew in all meta files.
const LIST: usize = 0x20;

/// The files after all changes. Each begins with a byte for its kind, and one for its file.
pub fn changed(files: &Files, input: &[u8]) -> Files {
    let (mut files, mut parts) = (files.clone(), Parts(input));
    while let (Some(kind), Some(at)) = (parts.byte(), parts.byte()) {
        let Some(name) = files.keys().nth(at % files.len().max(1)).cloned() else {
            break;
        };
        let old = files.get(&name).cloned().unwrap_or_default();
        let (mut name, mut new) = (name, old.clone());
        match kind & 7 {
            0 => {
                let len = parts.number().unwrap_or_default();
                new = parts.bytes(len).to_vec();
            }
            1 | 2 => splice(&mut new, &mut parts),
            3 => {
                files.remove(&name);
                continue;
            }
            4 => {
                let len = parts.byte().unwrap_or_default();
                name = String::from_utf8_lossy(parts.bytes(len)).into_owned();
            }
            5 => {
                let from = parts.byte().unwrap_or_default();
                new = files
                    .values()
                    .nth(from % files.len())
                    .cloned()
                    .unwrap_or_default();
            }
            6 => new.truncate(parts.number().unwrap_or_default()),
            _ => {
                let times = parts.byte().unwrap_or_default() % 64;
                let line: Vec<u8> = new
                    .split_inclusive(|byte| *byte == b'\n')
                    .next_back()
                    .unwrap_or_default()
                    .to_vec();
                let times = times.min(LONGEST.saturating_sub(new.len()) / line.len().max(1));
                (0..times).for_each(|_| new.extend_from_slice(&line));
            }
        }
        if kind & REPAIR != 0 {
            repair(&name, &mut new);
        }
        files.insert(name.clone(), new);
        if kind & LIST != 0 {
            list(&mut files, &name);
        }
    }
    files
}

/// Takes bytes out, and puts others there.
fn splice(bytes: &mut Vec<u8>, parts: &mut Parts<'_>) {
    let at = parts.number().unwrap_or_default() % (bytes.len() + 1);
    let (out, len) = (parts.byte().unwrap_or_default(), parts.byte().unwrap_or_default());
    let end = (at + out).min(bytes.len());
    bytes.splice(at..end, parts.bytes(len).iter().copied());
}

fn repair(name: &str, bytes: &mut Vec<u8>) {
    if name.contains("MANIFEST") || name.ends_with(".log") {
        repair_checksums(bytes);
    } else if name.starts_with("stonekeep/") {
        *bytes = seal(bytes);
    }
}

/// Makes meta files say what this file is now, and facts say which meta file they are of.
fn list(files: &mut Files, name: &str) {
    let now = files.get(name).map(|bytes| crc32c(bytes).0).unwrap_or_default();
    let metas: Vec<String> = files
        .keys()
        .filter(|key| key.starts_with("meta/"))
        .cloned()
        .collect();
    for meta in metas {
        let text = String::from_utf8_lossy(&files[&meta]).into_owned();
        let lines = text.lines().map(|line| match line.strip_prefix(name) {
            Some(fields) if fields.starts_with(" crc32 ") => {
                let more = fields.split(' ').skip(3).map(|word| format!(" {word}"));
                format!("{name} crc32 {now}{}\n", more.collect::<String>())
            }
            _ => format!("{line}\n"),
        });
        let text: String = lines.collect();
        bind(files, &meta, text.as_bytes());
        files.insert(meta, text.into_bytes());
    }
}

fn bind(files: &mut Files, meta: &str, text: &[u8]) {
    let Some(facts) = files.get_mut(&meta.replacen("meta/", "stonekeep/backups/", 1)) else {
        return;
    };
    let mut bound = String::from_utf8_lossy(facts).into_owned();
    for (field, value) in [
        ("meta_crc32c", u64::from(crc32c(text).0)),
        ("meta_size_bytes", text.len() as u64),
    ] {
        let begins = format!("\"{field}\":");
        if let Some(at) = bound.find(&begins).map(|at| at + begins.len()) {
            let digits = bound[at..].bytes().take_while(u8::is_ascii_digit).count();
            bound.replace_range(at..at + digits, &value.to_string());
        }
    }
    *facts = seal(bound.as_bytes());
}
