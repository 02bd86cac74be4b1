//! A process's client of a bucket: its requests take time, get lost before or after they are carried out, come late or twice.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::bucket::{Bucket, Condition, Stored};
use super::process::Process;
use super::weather::happens;

/// A late request arrives within this time, if nothing keeps it from being carried out.
const LATEST_ARRIVAL: Duration = Duration::from_secs(1_000);

/// See the [module](self).
#[derive(Debug, Clone)]
pub(super) struct Requests {
    pub(super) process: Arc<Process>,
    pub(super) bucket: Arc<Bucket>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    LostBefore,
    LostAfter,
    Late(Duration),
    /// As if a proxy on the way had asked again: the second answer is given.
    Twice,
}

impl Requests {
    /// Sends a request that is carried out by `act`, and gives its answer.
    ///
    /// # Errors
    /// If it gets lost.
    pub(super) fn send<T>(
        &self,
        what: &dyn fmt::Display,
        path: &Path,
        act: impl Fn() -> T + Clone + Send + 'static,
    ) -> Result<T> {
        if path.as_ref().contains("/leases") || path.as_ref().contains("/pins") {
            let schedule = Arc::clone(&self.process.schedule);
            return schedule.alone(|| self.sent(what, act));
        }
        self.sent(what, act)
    }

    fn sent<T>(&self, what: &dyn fmt::Display, act: impl Fn() -> T + Clone + Send + 'static) -> Result<T> {
        self.process.stumble();
        self.process.sends(what).map_err(|()| dead())?;
        let fate = if self.process.schedule.is_task() {
            self.process.schedule.draw(|rng| self.fate(rng))
        } else {
            Fate::Arrives
        };
        if fate != Fate::Arrives {
            self.process.disturb();
            self.process.say(|| format!("  it is {fate:?}"));
        }
        match fate {
            Fate::Arrives => Ok(act()),
            Fate::LostBefore => Err(lost()),
            Fate::LostAfter => {
                drop(act());
                Err(lost())
            }
            Fate::Late(after) => {
                self.process.schedule.after(after, move || drop(act()));
                Err(lost())
            }
            Fate::Twice => {
                drop(act());
                self.process.sends(&"the same again").map_err(|()| dead())?;
                Ok(act())
            }
        }
    }

    fn fate(&self, rng: &mut fastrand::Rng) -> Fate {
        if !happens(rng, 4 * self.process.weather.losses) {
            return Fate::Arrives;
        }
        let later = LATEST_ARRIVAL.mul_f64(rng.f64() * rng.f64());
        [Fate::LostBefore, Fate::LostAfter, Fate::Late(later), Fate::Twice][rng.usize(0..4)]
    }

    /// Sends a request that changes nothing.
    fn look<T>(&self, what: &str, path: &Path, act: impl Fn() -> T + Clone + Send + 'static) -> Result<T> {
        self.send(&format_args!("{what} {path}"), path, act)
    }
}

/// The error of a process that is dead: no attempt is worth another.
pub(super) fn dead() -> Error {
    Error::PermissionDenied {
        path: String::new(),
        source: "the process is dead".into(),
    }
}

fn lost() -> Error {
    Error::Generic {
        store: "simulation",
        source: "connection reset".into(),
    }
}

fn not_found(path: &Path) -> Error {
    Error::NotFound {
        path: path.to_string(),
        source: "no such object".into(),
    }
}

impl Stored {
    fn meta(&self, path: &Path) -> ObjectMeta {
        ObjectMeta {
            location: path.clone(),
            last_modified: self.modified.into(),
            size: self.content.len() as u64,
            e_tag: Some(self.version.to_string()),
            version: None,
        }
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulation")
    }
}

#[async_trait]
impl ObjectStore for Requests {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let condition = match options.mode {
            PutMode::Overwrite => Condition::Any,
            PutMode::Create => Condition::Absent,
            PutMode::Update(of) => Condition::Version(of.e_tag.unwrap_or_default()),
        };
        let (bucket, path) = (Arc::clone(&self.bucket), location.clone());
        let (content, attributes, wanted) = (payload.into(), options.attributes, condition.clone());
        let act = move || {
            let content: &bytes::Bytes = &content;
            bucket.write(&path, content.clone(), attributes.clone(), &wanted)
        };
        let written = self.send(&format_args!("put {location} if {condition:?}"), location, act)?;
        let refused = |path: String| match condition {
            Condition::Version(_) => Error::Precondition {
                path,
                source: "another version".into(),
            },
            _ => Error::AlreadyExists {
                path,
                source: "it is there".into(),
            },
        };
        let version = written.ok_or_else(|| refused(location.to_string()))?;
        Ok(PutResult {
            e_tag: Some(version.to_string()),
            version: None,
            extensions: Default::default(),
        })
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented {
            operation: "multipart uploads".to_owned(),
            implementer: "the simulation".to_owned(),
        })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let what = if options.head { "head" } else { "get" };
        let (bucket, path) = (Arc::clone(&self.bucket), location.clone());
        let found = self.look(what, location, move || bucket.get(&path))?;
        let stored = found.ok_or_else(|| not_found(location))?;
        let meta = stored.meta(location);
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range_of(range, meta.size),
            None => 0..meta.size,
        };
        let content = stored.content.slice(range.start as usize..range.end as usize);
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::once(async move { Ok(content) }).boxed()),
            meta,
            range,
            attributes: stored.attributes,
            extensions: Default::default(),
        })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let requests = self.clone();
        let delete = move |location: Result<Path>| {
            let path = location?;
            let (bucket, at) = (Arc::clone(&requests.bucket), path.clone());
            requests.look("delete", &path, move || bucket.remove(&at))?;
            Ok(path)
        };
        locations.map(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let at = prefix.cloned().unwrap_or_default();
        let (bucket, below) = (Arc::clone(&self.bucket), prefix.cloned());
        let listed = self.look("list", &at, move || bucket.below(below.as_ref()));
        match listed {
            Ok(found) => stream::iter(found.into_iter().map(|(path, it)| Ok(it.meta(&path)))).boxed(),
            Err(error) => stream::once(async move { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let at = prefix.cloned().unwrap_or_default();
        let (bucket, below) = (Arc::clone(&self.bucket), prefix.cloned());
        let found = self.look("list", &at, move || bucket.below(below.as_ref()))?;
        let (mut objects, mut common_prefixes) = (Vec::new(), Vec::new());
        for (path, stored) in found {
            let mut rest = path.prefix_match(&at).into_iter().flatten();
            let Some(first) = rest.next() else { continue };
            if rest.next().is_none() {
                objects.push(stored.meta(&path));
                continue;
            }
            let directory = at.clone().join(first);
            if !common_prefixes.contains(&directory) {
                common_prefixes.push(directory);
            }
        }
        Ok(ListResult {
            objects,
            common_prefixes,
            extensions: Default::default(),
        })
    }

    async fn copy_opts(&self, from: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(not_found(from))
    }
}

fn range_of(range: &GetRange, size: u64) -> std::ops::Range<u64> {
    match range {
        GetRange::Bounded(range) => range.start.min(size)..range.end.min(size),
        GetRange::Offset(from) => (*from).min(size)..size,
        GetRange::Suffix(bytes) => size.saturating_sub(*bytes)..size,
    }
}
