//! An object store in memory that fails chosen requests, before or after they are carried out, and notes what no writer may do.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::faults::{Fault, How, Verb, When, is_unnamed};

/// Whether "create only if absent" is honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Create {
    Honoured,
    Ignored,
    NotImplemented,
}

#[derive(Debug, Default)]
struct Seen {
    faults: Vec<Fault>,
    requests: Vec<(Verb, Path)>,
    completions: BTreeMap<String, usize>,
    under_way: BTreeMap<String, Path>,
    violations: Vec<String>,
    moving_bytes: usize,
    most_moving_bytes: usize,
    /// Objects whose path has this in it are so much younger than they are.
    younger: Option<(&'static str, Duration)>,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct FaultyObjects {
    objects: InMemory,
    create: Create,
    seen: Mutex<Seen>,
}

impl FaultyObjects {
    pub(crate) fn new(create: Create) -> Arc<Self> {
        Arc::new(FaultyObjects {
            objects: InMemory::new(),
            create,
            seen: Mutex::default(),
        })
    }

    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.seen().faults.extend(faults);
    }

    pub(crate) fn date_forward(&self, path_has: &'static str, by: Duration) {
        self.seen().younger = Some((path_has, by));
    }

    /// How many of the faults have not happened yet.
    pub(crate) fn faults_left(&self) -> usize {
        self.seen().faults.len()
    }

    /// The requests of a kind so far.
    pub(crate) fn requests(&self, verb: Verb) -> usize {
        self.seen().requests.iter().filter(|(it, _)| *it == verb).count()
    }

    /// How often this directory was listed.
    pub(crate) fn listings_of(&self, directory: &str) -> usize {
        let seen = self.seen();
        let listings = seen.requests.iter().filter(|(verb, _)| *verb == Verb::List);
        listings.filter(|(_, path)| path.as_ref() == directory).count()
    }

    /// No fault happens any more.
    pub(crate) fn forget_faults(&self) {
        self.seen().faults.clear();
    }

    /// The same, without those of leases.
    pub(crate) fn requests_but_leases(&self, verb: Verb) -> usize {
        let seen = self.seen();
        let of_verb = seen
            .requests
            .iter()
            .filter(|(it, path)| *it == verb && !is_lease(path));
        of_verb.count()
    }

    /// The most bytes that were on the way at a time.
    pub(crate) fn most_moving_bytes(&self) -> usize {
        self.seen().most_moving_bytes
    }

    /// Multipart uploads that were neither completed nor aborted.
    pub(crate) fn uploads_under_way(&self) -> usize {
        self.seen().under_way.len()
    }

    /// What was done that no writer may do.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.seen().violations.clone()
    }

    /// All objects with their contents.
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let listed: Vec<_> = self.objects.list(None).collect().now_or_never().unwrap();
        let read = |path: &Path| {
            let found = self.objects.get(path).now_or_never().unwrap().unwrap();
            found.bytes().now_or_never().unwrap().unwrap().to_vec()
        };
        let paths = listed.into_iter().map(|meta| meta.unwrap().location);
        paths.map(|path| (path.to_string(), read(&path))).collect()
    }

    /// Puts an object past the faults.
    pub(crate) fn put_behind(&self, path: &str, bytes: &[u8]) {
        let path = Path::parse(path).unwrap();
        let put = self.objects.put(&path, bytes.to_vec().into());
        put.now_or_never().unwrap().unwrap();
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// The fault of this request, if it has one. Those of leases have none: a lease that is in doubt is given up.
    fn arrive(&self, verb: Verb, path: &Path) -> Option<Fault> {
        let mut seen = self.seen();
        seen.requests.push((verb, path.clone()));
        let mut due = None;
        if is_lease(path) {
            return None;
        }
        seen.faults.retain_mut(|fault| {
            if due.is_some() || fault.verb != verb || !path.as_ref().contains(fault.path_has) {
                return true;
            }
            if fault.nth > 0 {
                fault.nth -= 1;
                return true;
            }
            due = Some(fault.clone());
            false
        });
        due
    }

    async fn carry_out<T>(
        &self,
        verb: Verb,
        path: &Path,
        request: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match self.arrive(verb, path) {
            None => request.await,
            Some(fault) => {
                if fault.when == When::After {
                    request.await?;
                }
                match fault.how {
                    How::Silent => pending().await,
                    how => Err(how.error(path)),
                }
            }
        }
    }

    /// Takes a while, and counts what is moved at the same time.
    async fn moving<T>(&self, bytes: usize, request: impl Future<Output = T>) -> T {
        {
            let mut seen = self.seen();
            seen.moving_bytes += bytes;
            seen.most_moving_bytes = seen.most_moving_bytes.max(seen.moving_bytes);
        }
        for _ in 0..20 {
            yield_now().await;
        }
        let done = request.await;
        self.seen().moving_bytes -= bytes;
        done
    }

    fn note(&self, violation: String) {
        self.seen().violations.push(violation);
    }
}

fn is_lease(path: &Path) -> bool {
    path.as_ref().contains("stonekeep/leases")
}

/// The same with another body.
async fn spoiled(found: GetResult, how: How) -> Result<GetResult> {
    let (meta, range) = (found.meta.clone(), found.range.clone());
    let (attributes, extensions) = (found.attributes.clone(), found.extensions.clone());
    let mut bytes = found.bytes().await?.to_vec();
    match how {
        How::Cut(most) | How::Broken(most) => bytes.truncate(most),
        _ => *bytes.last_mut().unwrap() ^= 1,
    }
    let end = matches!(how, How::Broken(_)).then(|| Err(how.error(&meta.location)));
    let pieces = [Ok(bytes.into())].into_iter().chain(end);
    Ok(GetResult {
        payload: GetResultPayload::Stream(stream::iter(pieces).boxed()),
        meta,
        range,
        attributes,
        extensions,
    })
}

async fn yield_now() {
    let mut is_second = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut is_second, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl fmt::Display for FaultyObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects that fail")
    }
}

#[async_trait]
impl ObjectStore for FaultyObjects {
    async fn put_opts(&self, path: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        if options.mode == PutMode::Create {
            match self.create {
                Create::Honoured => {}
                Create::Ignored => options.mode = PutMode::Overwrite,
                Create::NotImplemented => {
                    self.arrive(Verb::Put, path);
                    let text = "Server returned non-2xx status code: 501 Not Implemented: If-None-Match";
                    return Err(Error::Generic {
                        store: "test",
                        source: text.into(),
                    });
                }
            }
        }
        let put = self.moving(
            payload.content_length(),
            self.objects.put_opts(path, payload, options),
        );
        self.carry_out(Verb::Put, path, put).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begin = self.objects.put_multipart_opts(path, options);
        self.carry_out(Verb::Begin, path, begin).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let verb = if options.head { Verb::Head } else { Verb::Get };
        let mut found = match self.arrive(verb, path) {
            None => self.objects.get_opts(path, options).await?,
            Some(fault) if matches!(fault.how, How::WrongByte | How::Cut(_) | How::Broken(_)) => {
                spoiled(self.objects.get_opts(path, options).await?, fault.how).await?
            }
            Some(fault) => return Err(fault.how.error(path)),
        };
        if let Some((path_has, by)) = self.seen().younger
            && path.as_ref().contains(path_has)
        {
            found.meta.last_modified += by;
        }
        Ok(found)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        // Everything happens when it is asked for: nothing here waits.
        let paths: Vec<_> = paths.collect().now_or_never().unwrap();
        let delete = |path: Result<Path>| {
            let path = path?;
            let delete = self.objects.delete(&path);
            self.carry_out(Verb::Delete, &path, delete)
                .now_or_never()
                .unwrap()?;
            Ok(path)
        };
        let deleted: Vec<_> = paths.into_iter().map(delete).collect();
        let is_answer = |answer: &Result<Path>| !answer.as_ref().is_err_and(is_unnamed);
        stream::iter(deleted.into_iter().filter(is_answer)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let at = prefix.cloned().unwrap_or_default();
        match self.arrive(Verb::List, &at) {
            None => self.objects.list(prefix),
            // A page, and then the failure.
            Some(fault) => {
                let page = self.objects.list(prefix).take(1);
                page.chain(stream::iter([Err(fault.how.error(&at))])).boxed()
            }
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let at = prefix.cloned().unwrap_or_default();
        let list = self.objects.list_with_delimiter(prefix);
        self.carry_out(Verb::List, &at, list).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl MultipartStore for FaultyObjects {
    async fn create_multipart(&self, path: &Path) -> Result<String> {
        self.create_multipart_opts(path, PutMultipartOptions::default())
            .await
    }

    async fn create_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<String> {
        let begin = async {
            let id = self.objects.create_multipart_opts(path, options).await?;
            self.seen().under_way.insert(id.clone(), path.clone());
            Ok(id)
        };
        self.carry_out(Verb::Begin, path, begin).await
    }

    async fn put_part(&self, path: &Path, id: &String, index: usize, content: PutPayload) -> Result<PartId> {
        let part = self.moving(
            content.content_length(),
            self.objects.put_part(path, id, index, content),
        );
        self.carry_out(Verb::Part, path, part).await
    }

    async fn complete_multipart(&self, path: &Path, id: &String, parts: Vec<PartId>) -> Result<PutResult> {
        let times = {
            let mut seen = self.seen();
            let times = seen.completions.entry(id.clone()).or_default();
            *times += 1;
            *times
        };
        if times > 1 {
            self.note(format!("{path} was completed {times} times"));
        }
        let complete = async {
            let completed = self.objects.complete_multipart(path, id, parts).await;
            self.seen().under_way.remove(id);
            completed
        };
        self.carry_out(Verb::Complete, path, complete).await
    }

    async fn abort_multipart(&self, path: &Path, id: &String) -> Result<()> {
        let is_there = self.objects.head(path).await.is_ok();
        if is_there && self.seen().completions.contains_key(id) {
            self.note(format!(
                "an upload to {path}, which is there, was aborted after its completion"
            ));
        }
        let abort = async {
            let known = self.seen().under_way.remove(id);
            match known {
                Some(_) => self.objects.abort_multipart(path, id).await,
                None => Err(Error::NotFound {
                    path: path.to_string(),
                    source: "NoSuchUpload".into(),
                }),
            }
        };
        self.carry_out(Verb::Abort, path, abort).await
    }
}
