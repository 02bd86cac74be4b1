//! The XML of S3's request that deletes many objects.

use std::collections::BTreeMap;

use object_store::path::Path;
use object_store::{Error, Result};
use quick_xml::escape::escape;
use serde::Deserialize;

use super::answer::says_expired;

/// The body that names these objects.
pub(super) fn request(paths: &[Path]) -> String {
    let mut body = String::from(r#"<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#);
    for path in paths {
        body.push_str("<Object><Key>");
        body.push_str(&escape(path.as_ref()));
        body.push_str("</Key></Object>");
    }
    body.push_str("</Delete>");
    body
}

#[derive(Deserialize)]
struct DeleteResult {
    #[serde(rename = "$value", default)]
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
enum Outcome {
    #[serde(rename_all = "PascalCase")]
    Deleted { key: String },
    #[serde(rename_all = "PascalCase")]
    Error {
        key: String,
        code: String,
        #[serde(default)]
        message: String,
    },
}

/// What became of each object. `None` for one that the answer does not name, and where the request came too late.
///
/// # Errors
/// `Generic` for what is no such answer.
pub(in super::super) fn deleted(paths: &[Path], body: &[u8]) -> Result<Vec<Option<Result<()>>>> {
    let answer: DeleteResult = quick_xml::de::from_reader(body).map_err(|error| Error::Generic {
        store: "bulk delete",
        source: error.into(),
    })?;
    let mut outcomes = BTreeMap::new();
    for outcome in answer.outcomes {
        let (key, outcome) = match outcome {
            // MinIO says of each object, not of the request, that it came too late.
            Outcome::Error { code, message, .. } if says_expired(&code) || says_expired(&message) => continue,
            Outcome::Deleted { key } => (key, Ok(())),
            Outcome::Error { key, code, .. } if code == "NoSuchKey" => (key, Ok(())),
            Outcome::Error { key, code, message } => (key.clone(), Err(refused(key, &code, &message))),
        };
        outcomes.insert(key, outcome);
    }
    Ok(paths.iter().map(|path| outcomes.remove(path.as_ref())).collect())
}

fn refused(path: String, code: &str, message: &str) -> Error {
    let source = format!("{code}: {message}").into();
    match code {
        "AccessDenied" => Error::PermissionDenied { path, source },
        _ => Error::Generic {
            store: "bulk delete",
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_answer() {
        let paths = ["a&b", "c", "d", "e"].map(|path| Path::parse(path).unwrap());
        let body = request(&paths);
        assert!(
            body.contains("<Key>a&amp;b</Key></Object><Object><Key>c</Key>"),
            "{body}"
        );
        let answer = br#"<?xml version="1.0"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Deleted><Key>a&amp;b</Key><VersionId>1</VersionId></Deleted>
            <Error><Key>c</Key><Code>AccessDenied</Code><Message>no</Message></Error>
            <Deleted><Key>x</Key></Deleted>
            <Error><Key>e</Key><Code>NoSuchKey</Code></Error></DeleteResult>"#;
        let outcomes = deleted(&paths, answer).unwrap();
        assert!(matches!(outcomes[0], Some(Ok(()))));
        assert!(matches!(outcomes[1], Some(Err(Error::PermissionDenied { .. }))));
        assert!(outcomes[2].is_none());
        assert!(matches!(outcomes[3], Some(Ok(()))));
        let busy = br"<DeleteResult><Error><Key>c</Key><Code>InternalError</Code><Message>again</Message></Error></DeleteResult>";
        let outcomes = deleted(&paths, busy).unwrap();
        let Some(Err(error @ Error::Generic { .. })) = &outcomes[1] else {
            panic!("{outcomes:?}");
        };
        assert!(error.to_string().contains("InternalError: again"), "{error}");
        let late = br"<DeleteResult><Error><Key>c</Key><Code>AccessDenied</Code>
            <Message>Request has expired</Message></Error></DeleteResult>";
        assert!(deleted(&paths, late).unwrap()[1].is_none());
        let error = b"<Error><Code>InternalError</Code></Error>";
        assert!(deleted(&paths, error).is_err());
        assert!(deleted(&paths, b"").is_err());
        let none = deleted(&paths, b"<DeleteResult></DeleteResult>").unwrap();
        assert!(none.iter().all(Option::is_none));
    }
}
