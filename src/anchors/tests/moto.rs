//! Checkpoints in the S3 of moto (PyPI), with Object Lock. It is not everywhere: `tests/run`
//! installs it.

use std::process::{Child, Command, Stdio};

use super::objects::config;
use super::*;
use crate::config::{S3, SinkHttp, SinkTls};
use crate::sinks::bucket::Bucket;

/// moto's server, found by `MOTO_SERVER`. Ends with its test.
pub(crate) struct Moto {
    url: String,
    child: Child,
}

impl Moto {
    pub(crate) async fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let program = std::env::var_os("MOTO_SERVER").expect("MOTO_SERVER names moto's program");
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let moto =
            Self { url: format!("http://127.0.0.1:{port}"), child: command.spawn().unwrap() };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "moto does not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        moto.ask(&["PUT", "/evidence", "x-amz-bucket-object-lock-enabled: true"]);
        moto
    }

    pub(crate) fn http(&self) -> SinkHttp {
        SinkHttp { url: self.url.parse().unwrap(), tls: SinkTls::default() }
    }

    /// Asks as another program does; what it says, with its status. moto looks for a signature and
    /// not whether it is right: those of ours are held against the examples of AWS elsewhere.
    pub(crate) fn ask(&self, [method, path, header]: &[&str; 3]) -> String {
        let mut command = Command::new("curl");
        command.args(["-s", "-g", "-w", "\n%{http_code}", "-X", method, "-H", header]);
        let out = command.arg(format!("{}{path}", self.url)).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

const SIGNED: &str = "authorization: AWS4-HMAC-SHA256 \
    Credential=AKID/20261123/eu-central-1/s3/aws4_request,SignedHeaders=host,Signature=00";

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "needs moto (PyPI)"]
async fn objects_in_a_real_bucket_are_locked_and_a_log_that_was_rolled_back_meets_them() {
    let (dir, moto) = (Folder::new(), Moto::start().await);
    let anchor = remote(AnchorTarget::S3(Box::new(config(moto.http()))));
    grow(dir.path(), 3).await;
    let older = Folder::new();
    let rolled = older.path().join("log");
    copy(dir.path(), &rolled);
    grow(dir.path(), 4).await;
    let anchors = start(dir.path(), &anchor);
    has(&anchors, 7).await;
    anchors.close(Duration::from_secs(10)).await;

    let object = "/evidence/gw%201/checkpoints/00000000000000000007.checkpoint";
    let kept = moto.ask(&["GET", object, SIGNED]);
    let latest = crate::audit::latest(dir.path()).unwrap().unwrap();
    assert_eq!(kept, format!("{}\n200", latest.note));
    let versions = moto.ask(&["GET", "/evidence?versions", SIGNED]);
    let version = versions.split_once("<VersionId>").unwrap().1.split_once('<').unwrap().0;
    let gone = moto.ask(&["DELETE", &format!("{object}?versionId={version}"), SIGNED]);
    assert!(gone.contains("AccessDenied"), "the lock holds: {gone}");

    let anchors = start(&rolled, &anchor);
    until(&anchors, "contradicted", |status| status.contradicted).await;
    anchors.close(Duration::from_secs(10)).await;
    assert_eq!(verify(&rolled, &Trust::default(), |_| {}).unwrap().exit_code(), 13);

    // What a listing and a download bring is what `verify --anchor` reads.
    let config = S3 { prefix: "gw 1/checkpoints/".into(), ..config(moto.http()) };
    let bucket = Bucket::new(&config, Duration::from_secs(10)).unwrap();
    let name = bucket.after("").await.unwrap().unwrap();
    let folder = older.path().join("kept");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(&name), bucket.get(&name).await.unwrap()).unwrap();
    let trust = Trust { anchors: vec![folder], ..Trust::default() };
    let report = verify(dir.path(), &trust, |_| {}).unwrap();
    assert_eq!((report.exit_code(), report.anchored_seq), (0, 7), "{report}");
}
