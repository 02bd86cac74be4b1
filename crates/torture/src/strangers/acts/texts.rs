//! Meta files, facts, journals, stamps, holds, pins and OPTIONS that say what nobody can mean.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use stonekeep_testkit::sealed_text::seal;

use super::ground::{Ground, content, text, write};
use super::{listed, numbers};
use crate::strangers::shot;

/// Texts in `stonekeep/`.
const JSON: [&str; 7] = [
    "backups/",
    "tmp/",
    "deleted/",
    "holds/",
    "pins/",
    "verified/",
    "ids/",
];

/// Paths that lead elsewhere, or to something else.
const PATHS: [&str; 30] = [
    "../../outside/secret",
    "../target/CURRENT",
    "/nowhere/passwd",
    "//nowhere//passwd",
    "private/1/../../../../outside/secret",
    "private/1/../../meta/1",
    "private/../meta/1",
    "private/1/..",
    "private/1/.",
    "private/1/",
    "private//CURRENT",
    "private/2/CURRENT",
    "private/01/CURRENT",
    "private/4294967296/CURRENT",
    "private/1/LOCK",
    "private/1/.stonekeep-restore",
    "private/1/archive/000001.log",
    "shared_checksum/../stonekeep/lock",
    "shared_checksum/a/b_1_1.sst",
    "shared_checksum/000012_1_1.sst/..",
    "shared/000012.sst",
    "shared/18446744073709551615.sst",
    "shared/18446744073709551616.sst",
    "shared_checksum/000012_18446744073709551616_18446744073709551616.sst",
    "meta/1",
    "stonekeep/lock",
    "stonekeep/backups/1",
    "private/1/CURRENT\u{1b}[2J",
    "private/1/\u{202e}TNERRUC",
    "private/1/C\0URRENT",
];

fn meta_lines(ground: &mut Ground<'_>) -> Result<(std::path::PathBuf, Vec<String>)> {
    let path = ground.repository_file(&["meta/", "stonekeep/deleted/"])?;
    let text = content(&path)?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::to_owned).collect();
    Ok((path, lines))
}

/// Writes the lines. Mostly the facts are made those of it.
fn put(ground: &mut Ground<'_>, path: &Path, lines: &[String]) -> Result<()> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    write(path, text)?;
    if ground.rng.u8(0..3) > 0 && path.parent().is_some_and(|above| above.ends_with("meta")) {
        listed::follow(&ground.site.repository(), path, &mut |_| {})?;
    }
    Ok(())
}

/// A line of a meta file says something else.
pub(super) fn meta_line(ground: &mut Ground<'_>) -> Result<String> {
    let (path, mut lines) = meta_lines(ground)?;
    let at = ground.rng.usize(0..lines.len().clamp(1, 6));
    let number = numbers::text(ground.rng);
    let line = match ground.rng.u8(0..12) {
        0..=4 => number.to_owned(),
        5 => format!("schema_version {number}"),
        6 => "schema_version 2.999".to_owned(),
        7 => format!("metadata {}", "4D".repeat(2 << 20)),
        8 => "metadata 4".to_owned(),
        9 => format!("ni::{number} {number}"),
        10 => "x".repeat(8 << 20),
        _ => "\u{1b}[31m\u{202e}\r".to_owned(),
    };
    let is_new = ground.rng.u8(0..4) == 0;
    let shown: String = line.chars().take(40).flat_map(char::escape_debug).collect();
    match lines.get_mut(at) {
        Some(there) if !is_new => *there = line,
        _ => lines.insert(at.min(lines.len()), line),
    }
    put(ground, &path, &lines)?;
    Ok(format!("line {at} {shown} of {}", ground.shown(&path)))
}

/// A line of a meta file names something else, or has another checksum or another field.
pub(super) fn meta_path(ground: &mut Ground<'_>) -> Result<String> {
    let (path, mut lines) = meta_lines(ground)?;
    let files: Vec<usize> = (0..lines.len())
        .filter(|at| lines[*at].contains(" crc32 "))
        .collect();
    let at = *files
        .get(ground.rng.usize(0..files.len().max(1)))
        .context("no line")?;
    let (name, fields) = lines[at].split_once(' ').context("no field")?;
    let (name, fields) = (name.to_owned(), fields.to_owned());
    let hostile = ground.one_of(&PATHS);
    let number = numbers::text(ground.rng);
    let other = lines[*files.get(ground.rng.usize(0..files.len())).context("no line")?].clone();
    let line = match ground.rng.u8(0..14) {
        0..=5 => format!("{hostile} {fields}"),
        6 => format!("{name} crc32 {number}"),
        7 => format!("{name} {fields} size {number}"),
        8 => format!("{name} {fields} temp {number} ni::excluded true"),
        9 => format!("{}{name} {fields}", "../".repeat(2_000)),
        10 => format!("{name}{} {fields}", "n".repeat(1 << 20)),
        11 => other,
        12 => name.clone(),
        _ => name.to_uppercase() + " " + &fields,
    };
    let shown: String = line.chars().take(60).flat_map(char::escape_debug).collect();
    if ground.rng.bool() {
        lines[at] = line;
    } else {
        lines.push(line);
        let count = files.len() + 1;
        let first = files.first().copied().unwrap_or(1);
        lines[first.saturating_sub(1)] = count.to_string();
    }
    put(ground, &path, &lines)?;
    Ok(format!("{shown} in {}", ground.shown(&path)))
}

/// How many lines a long meta file has.
const LONG: usize = 10_000;

/// A meta file that says how many files it lists, and lists others, or is long.
pub(super) fn meta_length(ground: &mut Ground<'_>) -> Result<String> {
    let (path, mut lines) = meta_lines(ground)?;
    let first = lines
        .iter()
        .position(|line| line.contains(" crc32 "))
        .context("no line")?;
    let (what, count) = match ground.rng.u8(0..3) {
        0 => ("a count", numbers::text(ground.rng).to_owned()),
        1 => {
            let new = |number| {
                format!(
                    "shared_checksum/{number:06}_s{:020}_4096.sst crc32 {number}",
                    number
                )
            };
            lines.extend((0..LONG).map(new));
            ("thousands of files", (lines.len() - first).to_string())
        }
        _ => {
            let again: Vec<String> = lines[first..].to_vec();
            (0..300).for_each(|_| lines.extend_from_slice(&again));
            ("each file many times", (lines.len() - first).to_string())
        }
    };
    lines[first.saturating_sub(1)] = count;
    put(ground, &path, &lines)?;
    Ok(format!("{what} in {}", ground.shown(&path)))
}

/// One value in a text of JSON lines is another one.
pub(super) fn json_value(ground: &mut Ground<'_>) -> Result<String> {
    let path = json_file(ground)?;
    let text = content(&path)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = ground.rng.usize(0..lines.len().max(1));
    let line = lines.get_mut(at).context("no line")?;
    let mut value: Value = serde_json::from_str(line)?;
    let mut pointers = Vec::new();
    collect(&value, String::new(), &mut pointers);
    let pointer = pointers
        .get(ground.rng.usize(0..pointers.len().max(1)))
        .context("no value")?;
    let place = value.pointer_mut(pointer).context("no value")?;
    *place = PLACE.into();
    let hostile = hostile_value(ground);
    let shown: String = hostile.chars().take(40).flat_map(char::escape_debug).collect();
    *line = value.to_string().replace(&format!("\"{PLACE}\""), &hostile);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    write(&path, seal(text.as_bytes()))?;
    Ok(format!("{pointer} = {shown} in {}", ground.shown(&path)))
}

/// Stands for a value that serde_json could not write.
const PLACE: &str = "the place of the value";

fn json_file(ground: &mut Ground<'_>) -> Result<std::path::PathBuf> {
    let directory = format!("stonekeep/{}", ground.one_of(&JSON));
    ground.repository_file(&[&directory])
}

fn hostile_value(ground: &mut Ground<'_>) -> String {
    let depth = ground.one_of(&[10, 200, 100_000]);
    match ground.rng.u8(0..12) {
        0..=3 => numbers::text(ground.rng).to_owned(),
        4..=6 => Value::from(ground.one_of(&PATHS)).to_string(),
        7 => format!("\"{}\"", "n".repeat(4 << 20)),
        8 => format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
        9 => format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)),
        10 => "null".to_owned(),
        _ => "\"\\u001b[31m\\u202e\\n\\ud800\"".to_owned(),
    }
}

/// Pointers to everything in a value but the value itself.
fn collect(value: &Value, at: String, found: &mut Vec<String>) {
    let mut add = |name: &str, below: &Value| {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        collect(below, pointer.clone(), found);
        found.push(pointer);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, below)| add(name, below)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, below)| add(&at.to_string(), below)),
        _ => {}
    }
}

/// A text of JSON lines has lines twice, thousands of times, in another order, or not at all.
pub(super) fn json_lines(ground: &mut Ground<'_>) -> Result<String> {
    let path = json_file(ground)?;
    let text = text(&path)?;
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = ground.rng.usize(0..lines.len().max(1));
    let line = *lines.get(at).context("no line")?;
    let what = match ground.rng.u8(0..4) {
        0 => (lines.drain(at..=at).count(), "without").1,
        1 => (lines.insert(at, line), "twice").1,
        2 => (drop(lines.splice(at..at, vec![line; LONG])), "thousands of times").1,
        _ => (ground.rng.shuffle(&mut lines), "shuffled, not only").1,
    };
    write(&path, seal(lines.concat().as_bytes()))?;
    Ok(format!("{what} line {at} of {}", ground.shown(&path)))
}

/// Settings that lead elsewhere, or are no settings.
const SETTINGS: [&str; 10] = [
    "  wal_dir=/nowhere",
    "  wal_dir=../../outside/deep",
    "  db_log_dir=/nowhere",
    "  db_paths={[path=/nowhere;target_size=18446744073709551615]}",
    "  max_open_files=99999999999999999999",
    "[CFOptions \"\u{1b}[31m\"]",
    "[CFOptions \"",
    "[Version]",
    "  comparator=\\#\\#\\:\\",
    "  =",
];

/// OPTIONS that say something else; those of a backup are listed as they are.
pub(super) fn options(ground: &mut Ground<'_>) -> Result<String> {
    let paths = shot::paths(&ground.site.base().join("room"));
    let is_options = |path: &&std::path::PathBuf| {
        path.is_file()
            && path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("OPTIONS"))
    };
    let files: Vec<_> = paths.iter().filter(is_options).collect();
    let path = (*files
        .get(ground.rng.usize(0..files.len().max(1)))
        .context("no OPTIONS")?)
    .clone();
    let text = text(&path)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = ground.rng.usize(0..=lines.len());
    let line = match ground.rng.u8(0..8) {
        0 => format!("  wal_dir={}", "{".repeat(1 << 20)),
        1 => "x".repeat(4 << 20),
        2 => format!("  wal_dir={}", ground.site.outside().join("deep").display()),
        _ => ground.one_of(&SETTINGS).to_owned(),
    };
    let shown: String = line.chars().take(40).flat_map(char::escape_debug).collect();
    lines.insert(at, line);
    write(&path, lines.join("\n") + "\n")?;
    let repository = ground.site.repository();
    if let Ok(name) = path.strip_prefix(&repository) {
        let name = name.to_string_lossy();
        listed::list_again(&repository, &name, &name, ground.rng.bool())?;
    }
    Ok(format!("{shown} in {}", ground.shown(&path)))
}
