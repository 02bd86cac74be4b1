//! Parts of uploads that killed backups have left on an S3 server: see `remote.rs` for the variables.

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use tokio::runtime::Runtime;

use crate::command::run;
use crate::remote::Bucket;
use crate::world::World;

/// Uploads that nobody completes.
struct Begun {
    client: AmazonS3,
    runtime: Runtime,
}

impl Begun {
    fn new(bucket: &Bucket) -> Self {
        let url = bucket.url("");
        let name = url.trim_start_matches("s3://").trim_end_matches('/');
        let client = AmazonS3Builder::from_env().with_bucket_name(name).build();
        Begun {
            client: client.unwrap(),
            runtime: Runtime::new().unwrap(),
        }
    }

    /// Begins one, and sends a part.
    fn begin(&self, key: &str) -> (Path, String) {
        let path = Path::parse(key).unwrap();
        let begun = async { self.client.create_multipart(&path).await.unwrap() };
        let id = self.runtime.block_on(begun);
        let upload = (path, id);
        assert!(self.is_there(&upload));
        upload
    }

    /// Whether another part can be sent.
    fn is_there(&self, (path, id): &(Path, String)) -> bool {
        let sent = self.client.put_part(path, id, 0, vec![7; 1000].into());
        self.runtime.block_on(sent).is_ok()
    }

    fn abort(&self, (path, id): &(Path, String)) {
        self.runtime
            .block_on(self.client.abort_multipart(path, id))
            .unwrap();
    }
}

#[test]
fn parts_that_no_mark_names_are_removed_where_nothing_is_under_their_key() {
    let test = "parts_that_no_mark_names_are_removed_where_nothing_is_under_their_key";
    let Some(bucket) = Bucket::of_test(test) else {
        return;
    };
    let world = World::new();
    let prefix = format!("uploads/{}", std::process::id());
    let url = bucket.url(&prefix);
    run(["backup", world.db(), "--repo", &url]).ok();
    let table = bucket.keys(&format!("{prefix}/shared_checksum")).remove(0);
    let uploads = Begun::new(&bucket);
    let absent = uploads.begin(&format!("{prefix}/shared_checksum/000999_s1_5.sst"));
    let present = uploads.begin(&table);
    let of_others = [
        uploads.begin(&format!("{prefix}/logs/1")),
        uploads.begin(&format!("{prefix}-2/shared_checksum/000999_s1_5.sst")),
    ];
    let gc = |words: &[&str]| {
        let more = ["--repo", &url].into_iter();
        run(["gc"].into_iter().chain(words.iter().copied()).chain(more)).ok()
    };
    // They are young.
    let ended = gc(&[]);
    assert!(!ended.stdout.contains("aborted"), "{ended:?}");
    gc(&["--min-age", "0s", "--dry-run"]).says("1 upload of killed backups would be aborted");
    assert!(uploads.is_there(&absent));
    gc(&["--min-age", "0s"])
        .says("1 upload of killed backups aborted")
        .warns("AbortIncompleteMultipartUpload");
    assert!(!uploads.is_there(&absent));
    for kept in of_others.iter().chain([&present]) {
        assert!(uploads.is_there(kept), "{kept:?}");
        uploads.abort(kept);
    }
    run(["verify", "--repo", &url]).ok();
}
