//! Parses the argument that names a repository: a directory, a `file://` URL of one, or the URL of a store.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use url::Url;

/// The parser of a repository's place. A `file://` URL becomes its path.
pub(crate) fn place() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(parse)
}

/// The parser of a place that must be a directory.
pub(crate) fn directory() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|text| {
        let place = parse(text)?;
        match scheme(&place.to_string_lossy()) {
            None => Ok(place),
            Some(scheme) => Err(format!("it must be a directory, not the URL of a {scheme} store")),
        }
    })
}

fn parse(text: OsString) -> Result<PathBuf, String> {
    let url = text.to_str().filter(|text| scheme(text) == Some("file"));
    let Some(url) = url else {
        return Ok(text.into());
    };
    let parsed = Url::parse(url).map_err(|error| error.to_string())?;
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err("in a file:// URL, ? is written %3F, and # is written %23".to_owned());
    }
    parsed.to_file_path().map_err(|()| match parsed.host_str() {
        Some(host) => format!(
            "files of another host ({host}) cannot be read; a path begins after file://, as in file:///path"
        ),
        None => "it names no path".to_owned(),
    })
}

/// The scheme, in lower case or not, of what looks like a URL. A path that contains `://` begins with a slash or a dot.
pub(crate) fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let begins = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    (begins && scheme.chars().all(is_legal)).then_some(scheme)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        parse(text.into()).map(|path| path.to_str().unwrap_or("not text").to_owned())
    }

    #[test]
    fn a_file_url_is_its_path() {
        for (text, path) in [
            ("/backups/app", "/backups/app"),
            ("backups", "backups"),
            ("file:///backups/app", "/backups/app"),
            ("file://localhost/backups/a%20b", "/backups/a b"),
            ("file:///backups/a%2Fb%3f", "/backups/a/b?"),
            ("s3://bucket/p", "s3://bucket/p"),
            ("./file:///x", "./file:///x"),
            ("/odd://name", "/odd://name"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(path), "{text}");
        }
        let bytes = OsString::from_vec(vec![b'/', 0xff]);
        assert_eq!(parse(bytes.clone()), Ok(bytes.into()));
    }

    #[test]
    fn files_of_other_hosts_are_refused() {
        for (text, reason) in [
            ("file://host/backups", "another host (host)"),
            ("file://backups/app", "file:///path"),
            ("file:///backups?x", "%3F"),
            ("file:///backups#x", "%23"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn only_urls_have_a_scheme() {
        for (text, expected) in [
            ("s3://bucket", Some("s3")),
            ("file:///x", Some("file")),
            ("webhdfs+x://h", Some("webhdfs+x")),
            ("./s3://bucket", None),
            ("/a://b", None),
            ("a b://c", None),
            ("://x", None),
            ("plain", None),
        ] {
            assert_eq!(scheme(text), expected, "{text}");
        }
    }
}
