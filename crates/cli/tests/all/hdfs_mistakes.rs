//! What goes wrong with HDFS for a new user: each message says what, where, and what to do, within a time.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use stonekeep_testkit::http_server::{HttpServer, Response};

use crate::command::{Ended, stonekeep};
use crate::hdfs_stub::NameNode;
use crate::running::Running;
use crate::world::World;

/// Far more than a wrong address takes, and far less than the patience with a NameNode that restarts.
const SOON: Duration = Duration::from_secs(60);

/// A command that knows nothing of this machine's Hadoop.
fn command(words: &[&str]) -> Command {
    let mut command = stonekeep();
    for variable in ["HADOOP_CONF_DIR", "HADOOP_HOME", "HADOOP_PROXY_USER"] {
        command.env_remove(variable);
    }
    command.args(words);
    command
}

fn run(words: &[&str]) -> Ended {
    let begun = Instant::now();
    let ended = Ended::from(command(words).output().unwrap());
    assert!(begun.elapsed() < SOON, "{words:?} took {:?}", begun.elapsed());
    ended
}

#[test]
fn an_exception_of_a_name_node_is_named_with_what_to_do() {
    let ipc = "org.apache.hadoop.ipc";
    let cases: [(String, &str, &[&str]); 4] = [
        (
            format!("{ipc}.StandbyException"),
            "Operation category READ is not supported in state standby",
            &[
                "not supported in state standby",
                "this NameNode is not the active one",
                "HADOOP_CONF_DIR",
            ],
        ),
        (
            "org.apache.hadoop.security.AccessControlException".to_owned(),
            "SIMPLE authentication is not enabled.  Available:[TOKEN, KERBEROS]",
            &["SIMPLE authentication is not enabled", "kinit", "core-site.xml"],
        ),
        (
            format!("{ipc}.RpcNoSuchProtocolException"),
            "Unknown protocol: org.apache.hadoop.hdfs.protocol.ClientProtocol",
            &[
                "Unknown protocol",
                "another port of Hadoop",
                "dfs.namenode.rpc-address",
            ],
        ),
        (
            "org.apache.hadoop.hdfs.protocol.DSQuotaExceededException".to_owned(),
            "The DiskSpace quota of /app is exceeded: quota = 1 B",
            &[
                "The DiskSpace quota of /app is exceeded",
                "-setSpaceQuota",
                "hdfs_block_size",
            ],
        ),
    ];
    for (class, text, named) in cases {
        let name_node = NameNode::start(Some((class.leak(), text))).unwrap();
        let ended = run(&["list", "--repo", &name_node.url()])
            .code(1)
            .warns(&name_node.url());
        named.iter().fold(ended, |ended, words| ended.warns(words));
    }
}

#[test]
fn a_wrong_port_is_named_soon() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let web = HttpServer::start(|_| Response::new(400, "no HTTP")).unwrap();
    let web = web.url().replace("http://", "");
    for (address, named) in [
        (&*closed, "Connection refused"),
        (&*web, "the NameNode's web interface has another port (9870)"),
        ("no-such-host.invalid:8020", "lookup"),
    ] {
        let repo = format!("hdfs://{address}/app");
        run(&["list", "--repo", &repo])
            .code(1)
            .warns(&repo)
            .warns(named)
            .warns("usually port 8020");
    }
}

#[test]
fn a_configuration_that_does_not_fit_is_named_with_its_directory() {
    let world = World::new();
    let with = |directory: &str, repo: &str| {
        let mut command = command(&["list", "--repo", repo]);
        command.env("HADOOP_CONF_DIR", directory);
        Ended::from(command.output().unwrap())
    };
    let (absent, there) = (world.word("absent"), world.word("conf"));
    for repo in ["hdfs://service/app", "hdfs://127.0.0.1:1/app"] {
        with(&absent, repo)
            .code(2)
            .warns("HADOOP_CONF_DIR")
            .warns(&absent)
            .warns("no directory");
    }
    std::fs::create_dir(&there).unwrap();
    let site = world.path("conf/hdfs-site.xml");
    std::fs::write(&site, "<configuration></configuration>").unwrap();
    with(&there, "hdfs://service/app")
        .code(2)
        .warns("name service service")
        .warns("dfs.ha.namenodes.service");
    std::fs::write(&site, "no XML").unwrap();
    with(&there, "hdfs://127.0.0.1:1/app")
        .code(2)
        .warns("XML")
        .warns("correct core-site.xml or hdfs-site.xml");
}

#[test]
fn a_signal_ends_a_backup_that_waits_for_a_silent_name_node() {
    let world = World::new();
    let name_node = NameNode::start(None).unwrap();
    let mut running = Running::start(command(&["backup", world.db(), "--repo", &name_node.url()]));
    running.wait_until(|| name_node.calls() > 0);
    let begun = Instant::now();
    running.send(Signal::INT);
    running.end().code(130).warns("error: stopped");
    // A call has half a minute, and is not repeated before the first answer.
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
}
