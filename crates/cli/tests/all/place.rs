//! Where a repository is that is not in a directory: in a bucket or in HDFS.

use crate::hdfs::Cluster;
use crate::remote::Bucket;

/// Where a repository is.
pub(crate) enum Place {
    Bucket(Bucket),
    Hdfs(Cluster),
}

impl Place {
    /// Options of the store, each after a word such as `--store-option`: a short lease, so that one that was deleting is waited
    /// for, but one that a slow machine can keep. In HDFS also small blocks, since the room of each block that a killed writer has
    /// begun counts as taken for minutes.
    pub(crate) fn options(&self, word: &'static str) -> Vec<&'static str> {
        match self {
            Place::Bucket(_) => vec![word, "lease_period=20s"],
            Place::Hdfs(_) => vec![word, "lease_period=40s", word, "hdfs_block_size=1048576"],
        }
    }

    /// The same with the shortest lease. In an object store a signature must fit into it.
    pub(crate) fn shortest(&self, word: &'static str) -> Vec<&'static str> {
        match self {
            Place::Bucket(_) => vec![word, "lease_period=20s"],
            Place::Hdfs(_) => vec![word, "lease_period=10s", word, "hdfs_block_size=1048576"],
        }
    }

    /// Writes a file, as any tool does.
    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        match self {
            Place::Bucket(bucket) => bucket.put(key, bytes.to_vec()),
            Place::Hdfs(cluster) => cluster.put(key, bytes.to_vec()),
        }
    }

    /// The size of a table that is sent in parts, or that is too large to be held in memory.
    pub(crate) fn large_table(&self) -> usize {
        match self {
            Place::Bucket(_) => 9 << 20,
            Place::Hdfs(_) => 1_500_000,
        }
    }

    pub(crate) fn url(&self, prefix: &str) -> String {
        match self {
            Place::Bucket(bucket) => bucket.url(prefix),
            Place::Hdfs(cluster) => cluster.url(prefix),
        }
    }

    /// What is below a prefix, without it.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let (keys, start) = match self {
            Place::Bucket(bucket) => (bucket.keys(prefix), prefix.to_owned()),
            Place::Hdfs(cluster) => (cluster.files(prefix), cluster.path(prefix)),
        };
        let keys = keys.into_iter();
        keys.map(|key| key[start.len() + 1..].to_owned()).collect()
    }
}
