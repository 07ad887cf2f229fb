//! Real receivers. They are not everywhere: `tests/run` installs them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::stub::{Pems, log, pems, shipped, sink};
use crate::config::{Sink, SinkHttp, SinkTarget, SinkTls};
use crate::sinks::Files;
use crate::sinks::testing::{Dir, line};

/// rsyslog with TLS, on a port of its own. Ends with its test.
struct Rsyslog {
    dir: Dir,
    port: u16,
    ca: String,
    child: Child,
}

impl Rsyslog {
    fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let (dir, Pems { ca, cert, key }) = (Dir::new(), pems());
        for (name, text) in [("ca.pem", &ca), ("cert.pem", &cert), ("key.pem", &key)] {
            dir.write(name, text);
        }
        let at = dir.path().display();
        let config = format!(
            "global(workDirectory=\"{at}\" maxMessageSize=\"64k\" defaultNetstreamDriver=\"ossl\"\n\
             \x20 defaultNetstreamDriverCAFile=\"{at}/ca.pem\"\n\
             \x20 defaultNetstreamDriverCertFile=\"{at}/cert.pem\"\n\
             \x20 defaultNetstreamDriverKeyFile=\"{at}/key.pem\")\n\
             module(load=\"imtcp\" streamDriver.name=\"ossl\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             template(name=\"parts\" type=\"string\" string=\"%syslogfacility% %syslogseverity% %app-name% %msgid% %structured-data% %msg%\\n\")\n\
             if $app-name == \"sallyport\" then action(type=\"omfile\" file=\"{at}/out\" template=\"parts\")\n\
             *.* action(type=\"omfile\" file=\"{at}/all\")\n"
        );
        dir.write("rsyslog.conf", &config);
        let child = Self::run(dir.path());
        let rsyslog = Self { dir, port, ca, child };
        rsyslog.until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        rsyslog
    }

    fn run(dir: &Path) -> Child {
        let mut command = Command::new("rsyslogd");
        command.args(["-n", "-iNONE", "-f"]).arg(dir.join("rsyslog.conf"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("this test needs rsyslog and rsyslog-openssl (Debian)")
    }

    fn until(&self, done: impl Fn() -> bool) {
        let began = Instant::now();
        while !done() {
            assert!(began.elapsed() < Duration::from_secs(20), "{}", self.file("all"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    fn sink(&self) -> Sink {
        let tls = SinkTls { ca_pem: Some(self.ca.as_bytes().into()), identity: None };
        let host = "127.0.0.1".to_owned();
        let mut sink = sink(SinkTarget::Syslog { host, port: self.port, tls, facility: 13 });
        sink.timeout = Duration::from_secs(10);
        sink
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "needs rsyslog and rsyslog-openssl (Debian)"]
async fn rsyslog_reads_every_part_of_every_message_and_answers_the_close_of_tls() {
    let rsyslog = Rsyslog::start();
    let dir = log(100);
    let status = shipped(&dir, 100, rsyslog.sink()).await;
    assert_eq!((status.delivered, status.retries), (100, 0), "{}", rsyslog.file("all"));
    rsyslog.until(|| rsyslog.file("out").lines().count() >= 100);
    let version = env!("CARGO_PKG_VERSION");
    for (seq, found) in (1..).zip(rsyslog.file("out").lines()) {
        let expected = format!(
            "13 6 sallyport completion [meta sequenceId=\"{seq}\"][origin software=\"sallyport\" \
             swVersion=\"{version}\"] {}",
            line(seq)
        );
        assert_eq!(found, expected);
    }
}

#[tokio::test]
#[ignore = "needs rsyslog and rsyslog-openssl (Debian)"]
async fn rsyslog_that_was_killed_gets_what_it_missed_when_it_is_back() {
    let mut rsyslog = Rsyslog::start();
    let dir = log(40);
    let sink = rsyslog.sink();
    rsyslog.child.kill().unwrap();
    rsyslog.child.wait().unwrap();
    let sinks = super::stub::running(&dir, 40, &[sink]);
    while sinks.status()[0].retries < 2 {
        tokio::task::yield_now().await;
    }
    rsyslog.child = Rsyslog::run(rsyslog.dir.path());
    sinks.close(Duration::from_secs(30)).await;
    assert_eq!(Files::new(dir.path(), "siem").cursor().unwrap().unwrap().seq, 40);
    rsyslog.until(|| rsyslog.file("out").lines().count() >= 40);
}

/// rotel (PyPI), an OTLP collector, found by `ROTEL_AGENT`. Ends with its test.
struct Rotel {
    dir: Dir,
    port: u16,
    child: Child,
}

impl Rotel {
    fn start() -> Self {
        let port = || {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let (dir, http, grpc) = (Dir::new(), port(), port());
        let program = std::env::var_os("ROTEL_AGENT").expect("ROTEL_AGENT names rotel's program");
        let out = std::fs::File::create(dir.path().join("out")).unwrap();
        let mut command = Command::new(program);
        command.args(["start", "--exporter", "blackhole", "--debug-log", "logs"]);
        command.args(["--debug-log-verbosity", "detailed"]);
        command.args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")]);
        command.args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")]);
        command.stdout(out.try_clone().unwrap()).stderr(out);
        let child = command.spawn().unwrap();
        let rotel = Self { dir, port: http, child };
        rotel.until(|_| std::net::TcpStream::connect(("127.0.0.1", http)).is_ok());
        rotel
    }

    fn until(&self, done: impl Fn(&str) -> bool) {
        let began = Instant::now();
        loop {
            let out = std::fs::read_to_string(self.dir.path().join("out")).unwrap_or_default();
            if done(&out) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{out}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "needs rotel (PyPI)"]
async fn rotel_reads_every_record_of_our_otlp() {
    let rotel = Rotel::start();
    let url = format!("http://127.0.0.1:{}/v1/logs", rotel.port).parse().unwrap();
    let http = SinkHttp { url, tls: SinkTls::default() };
    let mut sink = sink(SinkTarget::Otlp { http, headers: Vec::new() });
    sink.timeout = Duration::from_secs(10);
    let dir = log(20);
    let status = shipped(&dir, 20, sink).await;
    assert_eq!((status.delivered, status.retries, status.rejected), (20, 0, 0));
    rotel.until(|out| (1..=20).all(|seq| out.contains(&format!("\"r{seq}\"}}"))));
}
