//! An object store on another machine than this one, whose clock a test moves, and its signed requests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use object_store::Result as Answer;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer, Url};
use stonekeep::store::remote::{RemoteStore, SignedRequests};
use stonekeep::store::{
    Durability, Held, Key, LockWait, Machine, Put, PutContent, PutMode, Repeat, Repeating, Store,
};
use stonekeep::{Clock, ErrorKind};
use stonekeep_testkit::fake_clock::FakeClock;

use crate::support::faults::{Fault, How, Verb, When};
use crate::support::faulty_objects::{Create, FaultyObjects};

/// The shortest period of a lease: a request without an answer is waited for so long, on this machine.
const PERIOD: Duration = Duration::from_secs(1);

const HOUR: Duration = Duration::from_secs(3600);

/// Its clock goes on when somebody sleeps. Nothing is renewed: no test takes that long.
#[derive(Debug)]
struct Elsewhere(FakeClock);

#[derive(Debug)]
struct Never;

impl Repeating for Never {}

impl Elsewhere {
    fn at(now: SystemTime) -> Arc<Self> {
        Arc::new(Elsewhere(FakeClock::new(now)))
    }
}

impl Clock for Elsewhere {
    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn instant(&self) -> Instant {
        self.0.instant()
    }

    fn sleep(&self, duration: Duration) {
        self.0.sleep(duration);
    }
}

impl Machine for Elsewhere {
    fn repeat(&self, _: &str, _: Duration, _: Repeat) -> io::Result<Box<dyn Repeating>> {
        Ok(Box::new(Never))
    }
}

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

/// A machine whose clock is right.
fn here() -> (Arc<FaultyObjects>, Arc<Elsewhere>) {
    let objects = FaultyObjects::new(Create::Honoured);
    (objects, Elsewhere::at(SystemTime::now()))
}

fn on(machine: &Arc<Elsewhere>, objects: &Arc<FaultyObjects>) -> RemoteStore {
    let machine: Arc<dyn Machine> = machine.clone();
    RemoteStore::new_on(machine, Arc::clone(objects) as _, "p", "objects of a test").unwrap()
}

fn put(store: &Store, path: &str) -> stonekeep::Result<Put> {
    let content = PutContent::Bytes(b"text");
    store.put("7", &key(path), content, PutMode::IfAbsent, Durability::Durable)
}

fn taken(store: &Store) -> Held {
    store.lease(LockWait::Fail, "a test", &|| false).unwrap()
}

fn fault(how: How, when: When) -> Fault {
    Fault {
        verb: Verb::Put,
        path_has: "meta/",
        nth: 0,
        when,
        how,
    }
}

#[test]
fn a_store_that_stays_unavailable_is_asked_for_three_minutes_of_its_machine_s_time() {
    for under_lease in [false, true] {
        let (objects, machine) = here();
        let store: Store = on(&machine, &objects).used_by_one_process().into();
        let held = under_lease.then(|| taken(&store));
        // More than fit into the time.
        objects.fail(vec![fault(How::Unavailable, When::Before); 1000]);
        let error = put(&store, "meta/1").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.one_line().contains("SlowDown"), "{error:?}");
        let slept = machine.0.slept().as_secs();
        assert!((180..190).contains(&slept), "{slept}");
        let asked = objects.requests_but_leases(Verb::Put);
        assert!((18..80).contains(&asked), "{asked}");
        objects.forget_faults();
        assert_eq!(put(&store, "meta/1").unwrap(), Put::Done);
        drop(held);
    }
}

#[test]
fn a_lease_is_kept_as_long_as_a_request_without_an_answer_may_arrive() {
    let (objects, machine) = here();
    let store = on(&machine, &objects).with_lease_period(PERIOD).unwrap();
    let store: Store = store.used_by_one_process().into();
    let leases = || store.list(Some(&key("stonekeep/leases"))).unwrap().len();
    let held = taken(&store);
    put(&store, "meta/1").unwrap();
    drop(held);
    assert_eq!((machine.0.slept(), leases()), (Duration::ZERO, 0));

    let held = taken(&store);
    // The answer does not come while the lease is certain to last. Then the store is asked what became of it.
    objects.fail([fault(How::Silent, When::After)]);
    let begun = machine.0.instant();
    assert_eq!(put(&store, "meta/2").unwrap(), Put::Done);
    assert_eq!(leases(), 1);
    drop(held);
    assert_eq!(machine.0.instant() - begun, PERIOD / 5);
    assert_eq!(leases(), 0);
}

#[test]
fn a_refusal_under_a_lease_is_not_repeated() {
    let (objects, machine) = here();
    let store: Store = on(&machine, &objects).used_by_one_process().into();
    let _held = taken(&store);
    objects.fail([fault(How::Denied, When::Before)]);
    let error = put(&store, "meta/1").unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied), "{error}");
    assert!(error.hint().unwrap().contains("permissions"), "{error:?}");
    assert_eq!(objects.requests_but_leases(Verb::Put), 1);
    assert_eq!(store.stat(&key("meta/1")).unwrap(), None);
}

/// Signs for as long as it is asked to, and says so in the URL, if it has credentials.
#[derive(Debug)]
struct Signing {
    has_credentials: bool,
}

#[async_trait]
impl Signer for Signing {
    async fn signed_url(&self, method: Method, path: &Path, lasts: Duration) -> Answer<Url> {
        self.signed_url_opts(method, path, lasts, &SignedUrlOptions::new())
            .await
    }

    async fn signed_url_opts(
        &self,
        _: Method,
        path: &Path,
        lasts: Duration,
        _: &SignedUrlOptions,
    ) -> Answer<Url> {
        if !self.has_credentials {
            let (path, source) = ("credentials".to_owned(), "they have ended".into());
            return Err(object_store::Error::Unauthenticated { path, source });
        }
        Ok(Url::parse(&format!("https://host/{path}?lasts={}", lasts.as_secs())).unwrap())
    }
}

/// Says of each request that it came too late, or of none.
#[derive(Debug, Clone)]
struct Service {
    is_late: bool,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let late = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        let mut response = HttpResponse::new(String::from(if self.is_late { late } else { "" }).into());
        if self.is_late {
            *response.status_mut() = 403.try_into().unwrap();
        }
        Ok(response)
    }
}

const SIGNS: Signing = Signing {
    has_credentials: true,
};

/// What a holder gets whose clock shows this time, and how many requests it has sent.
fn put_signed(now: SystemTime, signer: Signing, is_late: bool) -> (stonekeep::Result<Put>, usize) {
    let service = Service {
        is_late,
        asked: Arc::default(),
    };
    let (objects, http) = (
        FaultyObjects::new(Create::Honoured),
        HttpClient::new(service.clone()),
    );
    let store = on(&Elsewhere::at(now), &objects).with_signer(Arc::new(signer), SignedRequests::S3, http);
    let store: Store = store.into();
    let held = taken(&store);
    let put = put(&store, "meta/1");
    held.check().unwrap();
    assert_eq!(objects.requests_but_leases(Verb::Put), 0);
    (put, service.asked.load(Ordering::Relaxed))
}

#[test]
fn a_clock_that_is_too_far_ahead_to_sign_anything_is_named() {
    let (put, sent) = put_signed(SystemTime::now() + HOUR, SIGNS, false);
    let error = put.unwrap_err();
    assert_eq!((error.kind(), sent), (ErrorKind::Io, 0));
    let text = error.to_string();
    assert!(text.contains("no request arrives in time"), "{text}");
    assert!(text.contains("s ahead of the store's"), "{text}");
    assert!(error.hint().unwrap().contains("set the clock"), "{error:?}");
    // A few minutes are made up for, in both directions.
    for now in [SystemTime::now() + HOUR / 20, SystemTime::now() - HOUR] {
        let (put, sent) = put_signed(now, SIGNS, false);
        assert_eq!((put.unwrap(), sent), (Put::Done, 1));
    }
}

#[test]
fn a_request_that_comes_too_late_each_time_is_given_up_and_the_clocks_are_compared() {
    let (put, sent) = put_signed(SystemTime::now() - HOUR, SIGNS, true);
    let error = put.unwrap_err();
    assert_eq!((error.kind(), sent), (ErrorKind::Io, 4));
    let text = error.to_string();
    assert!(text.contains("the clock of this machine is 3"), "{text}");
    assert!(text.contains("s behind the store's"), "{text}");
}

#[test]
fn a_holder_without_credentials_is_told_so_and_sends_nothing() {
    let signer = Signing {
        has_credentials: false,
    };
    let (put, sent) = put_signed(SystemTime::now(), signer, false);
    let error = put.unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied));
    assert!(error.one_line().contains("they have ended"), "{error:?}");
    assert_eq!(sent, 0);
}

#[test]
fn what_is_shown_of_a_store_has_no_secret() {
    let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options = [
        option("aws_access_key_id", "AKIA-OF-A-TEST"),
        option("aws_secret_access_key", "wJalrXUtnFEMI"),
        option("aws_session_token", "a-session-token"),
        option("aws_region", "eu-west-1"),
    ];
    let store = RemoteStore::open("s3://bucket/db/one", &options).unwrap();
    let shown = format!("{store:?}");
    for (_, secret) in &options[..3] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("s3://bucket/db/one"), "{shown}");
}
