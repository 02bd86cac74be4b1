#!/usr/bin/env bash
# The hdfs-native crate gives up a file if the DataNode that it is to send a block to is dead, although others live.
# Expected: as Hadoop's own client does, it tells the NameNode which node it could not reach, and writes the block to others.
# Seen with hdfs-native 0.14.8 and Hadoop 3.4.2, three DataNodes, one of them just killed: half of the small files fail, with "Connection
# refused" or "No new datanode found", until the NameNode counts the node as dead, which by default takes ten and a half minutes. A `put` of
# Hadoop's client writes as many files meanwhile, without an error.
set -euo pipefail
work=$(mktemp -d)
stop() {
    for pid in "$work"/*.pid; do [ -e "$pid" ] && kill "$(cat "$pid")" 2>/dev/null; done
    rm -rf "$work"
}
trap stop EXIT
mkdir "$work/src" "$work/tmp"
files=30

cat >"$work/pom.xml" <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId>
  <artifactId>hadoop</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.hadoop</groupId><artifactId>hadoop-common</artifactId><version>3.4.2</version></dependency>
    <dependency><groupId>org.apache.hadoop</groupId><artifactId>hadoop-hdfs-client</artifactId><version>3.4.2</version></dependency>
    <dependency><groupId>org.apache.hadoop</groupId><artifactId>hadoop-hdfs</artifactId><version>3.4.2</version></dependency>
  </dependencies>
</project>
XML
mvn -q -B -f "$work/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DoutputDirectory="$work/lib" -DincludeScope=runtime

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port) web=$(free_port)
property() { echo "<property><name>$1</name><value>$2</value></property>"; }
configure() { # NAME
    local at=$work/$1
    mkdir -p "$at/webapps/hdfs/WEB-INF" "$at/webapps/datanode/WEB-INF" "$at/webapps/static"
    for name in hdfs datanode; do echo '<web-app/>' >"$at/webapps/$name/WEB-INF/web.xml"; done
    echo "<configuration>$(property fs.defaultFS "hdfs://127.0.0.1:$port")$(property hadoop.tmp.dir "$work/tmp/$1")</configuration>" \
        >"$at/core-site.xml"
    {
        echo '<configuration>'
        property dfs.namenode.rpc-address "127.0.0.1:$port"
        property dfs.namenode.http-address "127.0.0.1:$web"
        property dfs.namenode.datanode.registration.ip-hostname-check false
        property dfs.datanode.address 127.0.0.1:0
        property dfs.datanode.http.address 127.0.0.1:0
        property dfs.datanode.ipc.address 127.0.0.1:0
        property dfs.datanode.hostname 127.0.0.1
        property dfs.datanode.data.dir "file://$work/tmp/$1/data"
        property dfs.blocksize 1048576
        echo '</configuration>'
    } >"$at/hdfs-site.xml"
}
opened=()
for package in java.lang java.nio java.net java.io java.util java.util.concurrent sun.nio.ch; do
    opened+=(--add-opens "java.base/$package=ALL-UNNAMED")
done
hadoop() { # NAME CLASS ARGUMENTS
    java -Xmx256m -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true "${opened[@]}" -cp "$work/$1:$work/lib/*" "${@:2}"
}
configure namenode
hadoop namenode org.apache.hadoop.hdfs.server.namenode.NameNode -format -nonInteractive >"$work/format.log" 2>&1
daemon() { # NAME CLASS
    java -Xmx256m -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true "${opened[@]}" -cp "$work/$1:$work/lib/*" "$2" >"$work/$1.log" 2>&1 &
    echo $! >"$work/$1.pid"
}
daemon namenode org.apache.hadoop.hdfs.server.namenode.NameNode
for node in 1 2 3; do
    configure "datanode$node"
    mkdir -p "$work/tmp/datanode$node/data"
    daemon "datanode$node" org.apache.hadoop.hdfs.server.datanode.DataNode
done
live() { curl -sf "http://127.0.0.1:$web/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState" | grep -c '"NumLiveDataNodes" : 3' || true; }
for _ in $(seq 240); do
    [ "$(live)" = 1 ] && break
    sleep 0.5
done
[ "$(live)" = 1 ]

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "writes"
version = "0.1.0"
edition = "2024"

[dependencies]
hdfs-native = "=0.14.8"
tokio = { version = "1", features = ["rt-multi-thread", "macros"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use hdfs_native::{ClientBuilder, WriteOptions};

/// Writes so many small files; prints how many could not be written, and why.
#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (url, directory) = (arguments.next().unwrap(), arguments.next().unwrap());
    let files: u32 = arguments.next().unwrap().parse().unwrap();
    let client = ClientBuilder::new().with_url(&url).build().unwrap();
    client.mkdirs(&directory, 0o755, true).await.unwrap();
    let mut failures = Vec::new();
    for number in 0..files {
        let write = async {
            let options = WriteOptions::default();
            let mut file = client.create(&format!("{directory}/{number}"), options).await?;
            file.write_bytes(vec![1; 65_536].into()).await?;
            file.close().await
        };
        failures.extend(write.await.err().map(|error| error.to_string()));
    }
    println!("{} of {files} files fail", failures.len());
    failures.sort();
    failures.dedup();
    failures.iter().for_each(|failure| println!("    {failure}"));
}
RUST
cargo build --quiet --manifest-path "$work/Cargo.toml" --target-dir "$work/target"
writes() { HADOOP_USER_NAME=$(id -un) "$work/target/debug/writes" "hdfs://127.0.0.1:$port" "$1" "$files"; }

before=$(writes /before)
echo "three DataNodes:        $before"
kill -9 "$(cat "$work/datanode2.pid")"
wait "$(cat "$work/datanode2.pid")" 2>/dev/null || true
rm "$work/datanode2.pid"
after=$(writes /after)
echo "one of them dead:       $after"
mkdir "$work/local"
for number in $(seq "$files"); do head -c 65536 /dev/zero >"$work/local/$number"; done
hadoop namenode org.apache.hadoop.fs.FsShell -put "$work/local" /java >"$work/put.log" 2>&1
put=$(hadoop namenode org.apache.hadoop.fs.FsShell -ls /java 2>/dev/null | grep -c '/java/')
echo "Hadoop's client:        $put of $files files written"
[ "$(live)" = 1 ] # The NameNode still counts three.
[ "$before" = "0 of $files files fail" ] && [[ "$after" == *"Connection refused"* ]] && [ "$put" = "$files" ]
