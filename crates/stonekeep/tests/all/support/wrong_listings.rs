//! An object store in memory whose listings are late: they lack what is there, or have what is gone.

use std::fmt;
use std::future::ready;
use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// How listings are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Objects whose path has this in it are not listed.
    Hides(&'static str),
    /// Deleted objects are still listed.
    KeepsGhosts,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct WrongListings {
    objects: InMemory,
    wrong: Wrong,
    ghosts: Mutex<Vec<ObjectMeta>>,
}

impl WrongListings {
    pub(crate) fn new(wrong: Wrong) -> Self {
        WrongListings {
            objects: InMemory::new(),
            wrong,
            ghosts: Mutex::default(),
        }
    }

    fn ghosts_below(&self, prefix: Option<&Path>) -> Vec<ObjectMeta> {
        let ghosts = self.ghosts.lock().unwrap();
        let is_below =
            |ghost: &&ObjectMeta| prefix.is_none_or(|prefix| ghost.location.prefix_matches(prefix));
        ghosts.iter().filter(is_below).cloned().collect()
    }
}

fn is_shown(wrong: Wrong, object: &ObjectMeta) -> bool {
    !matches!(wrong, Wrong::Hides(path_has) if object.location.as_ref().contains(path_has))
}

impl fmt::Display for WrongListings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects with wrong listings")
    }
}

#[async_trait]
impl ObjectStore for WrongListings {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.objects.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.objects.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        // Everything happens when it is asked for: nothing here waits.
        let paths: Vec<_> = paths.collect().now_or_never().unwrap();
        let delete = |path: Result<Path>| {
            let path = path?;
            if self.wrong == Wrong::KeepsGhosts
                && let Ok(ghost) = self.objects.head(&path).now_or_never().unwrap()
            {
                self.ghosts.lock().unwrap().push(ghost);
            }
            self.objects.delete(&path).now_or_never().unwrap()?;
            Ok(path)
        };
        let deleted: Vec<_> = paths.into_iter().map(delete).collect();
        stream::iter(deleted).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let wrong = self.wrong;
        let ghosts = stream::iter(self.ghosts_below(prefix).into_iter().map(Ok));
        let shown = self.objects.list(prefix);
        let shown = shown.try_filter(move |object| ready(is_shown(wrong, object)));
        shown.chain(ghosts).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = self.objects.list_with_delimiter(prefix).await?;
        listed.objects.retain(|object| is_shown(self.wrong, object));
        let parts = prefix.map_or(0, Path::parts_count) + 1;
        let ghosts = self.ghosts_below(prefix).into_iter();
        listed
            .objects
            .extend(ghosts.filter(|ghost| ghost.location.parts_count() == parts));
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}
