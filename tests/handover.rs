//! From one process to the next: no request fails, no call goes unrecorded.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[path = "support/process.rs"]
mod process;

use process::Process;

/// The next gateway may wait for the drain of the one before.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the service manager hands over: two listening sockets.
struct Sockets {
    public: TcpListener,
    admin: TcpListener,
}

impl Sockets {
    fn new() -> Self {
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        Self { public: bind(), admin: bind() }
    }

    fn public(&self) -> SocketAddr {
        self.public.local_addr().unwrap()
    }

    fn admin(&self) -> SocketAddr {
        self.admin.local_addr().unwrap()
    }
}

impl Process {
    /// As systemd does: descriptors from 3 on, named, for this process id.
    fn with_sockets(config: &Path, sockets: &Sockets, variables: &[(&str, &str)]) -> Self {
        let line = "exec 3<&0 4<&1 </dev/null >/dev/null; \
                    LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=public:admin exec \"$@\"";
        let fd = |socket: &TcpListener| Stdio::from(OwnedFd::from(socket.try_clone().unwrap()));
        let mut command = Command::new("sh");
        command.args(["-c", line, "sh", env!("CARGO_BIN_EXE_sallyport"), "run", "--config"]);
        command.arg(config).envs(variables.iter().copied());
        Self::spawn(command.stdin(fd(&sockets.public)).stdout(fd(&sockets.admin)), PATIENCE)
    }

    fn alone(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
        Self::spawn(command.args(["run", "--config"]).arg(config).stdout(Stdio::null()), PATIENCE)
    }

    fn ends(mut self) {
        self.wait_for("\"stopped\"");
        assert!(self.child.wait().unwrap().success());
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("sallyport-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    /// Writes a configuration whose trail has the same name.
    fn config(&self, name: &str, listener: &str, admin: &str, upstream: SocketAddr) -> PathBuf {
        let file = self.0.join(format!("{name}.yaml"));
        let text = format!(
            "listen: [ {{ name: public, {listener} }} ]\nadmin: {admin}\n\
             limits: {{ per_address: off }}\naudit: {{ dir: '{}' }}\n\
             servers:\n  - name: notes\n    public_url: http://127.0.0.1/mcp\n    \
             upstream: http://{upstream}/mcp\n    auth: none\n    scopes: {{ tools.invoke: [] }}\n    \
             limits: {{ per_principal: off }}\n    tools: [ {{ match: 'a' }} ]\n",
            self.trail(name).display()
        );
        fs::write(&file, text).unwrap();
        file
    }

    fn trail(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Verifies a trail, its sequence without a gap, and returns how many calls it has.
    fn calls(&self, name: &str) -> usize {
        let trail = self.trail(name);
        let verified = sallyport(&["audit", "verify", trail.to_str().unwrap()]);
        assert_eq!(verified.0, 0, "{}", verified.1);
        let intents = ["audit", "cat", trail.to_str().unwrap(), "--phase", "intent"];
        let (_, text) = sallyport(&intents);
        text.lines().filter(|line| line.contains("\"call-")).count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sallyport(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sallyport")).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

/// One HTTP/1.1 message: its head in lower case, and its body.
fn message(reader: &mut impl BufRead) -> std::io::Result<(String, Vec<u8>)> {
    let (mut head, mut bytes) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.to_ascii_lowercase();
        if let Some(length) = line.strip_prefix("content-length:") {
            bytes = length.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; bytes];
    reader.read_exact(&mut body)?;
    Ok((head, body))
}

/// A server that answers every call.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while let Ok((_, body)) = message(&mut reader) {
                    let Ok(call) = serde_json::from_slice::<serde_json::Value>(&body) else {
                        return;
                    };
                    let text = format!(
                        r#"{{"jsonrpc":"2.0","id":{},"result":{{"content":[{{"type":"text","text":"ok"}}]}}}}"#,
                        call["id"]
                    );
                    let head =
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
                    if write!(stream, "{head} {}\r\n\r\n{text}", text.len()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Clients that keep their connection until they are told that it ends, and never try again.
struct Load {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    said_last: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(address: SocketAddr) -> Self {
        let (over, answered, said_last) =
            <(Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let client = |number| {
            let (over, answered, last) = (over.clone(), answered.clone(), said_last.clone());
            std::thread::spawn(move || {
                let (mut failures, mut open) = (Vec::new(), None);
                for n in 0.. {
                    if over.load(Ordering::SeqCst) || failures.len() > 5 {
                        break;
                    }
                    match call(address, &mut open, &format!("call-{number}-{n}")) {
                        Ok(head) if head.starts_with("http/1.1 200") => {
                            answered.fetch_add(1, Ordering::SeqCst);
                            if head.contains("connection: close") {
                                last.fetch_add(1, Ordering::SeqCst);
                                open = None;
                            }
                        }
                        Ok(head) => failures.push(head),
                        Err(error) => {
                            failures.push(format!("call {n}: {error}"));
                            open = None;
                        }
                    }
                }
                failures
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { over, answered, said_last, clients }
    }

    /// Waits until so many more calls were answered.
    fn goes_on(&self, calls: usize) {
        let (from, end) =
            (self.answered.load(Ordering::SeqCst), Instant::now() + Duration::from_secs(30));
        while self.answered.load(Ordering::SeqCst) < from + calls {
            assert!(Instant::now() < end, "the load stands still");
            std::thread::yield_now();
        }
    }

    /// Ends it without a failure. Returns the calls that were answered.
    fn end(self) -> usize {
        self.over.store(true, Ordering::SeqCst);
        let failures: Vec<String> =
            self.clients.into_iter().flat_map(|c| c.join().unwrap()).collect();
        let answered = self.answered.load(Ordering::SeqCst);
        assert!(failures.is_empty(), "{} of {answered}: {failures:#?}", failures.len());
        let last = self.said_last.load(Ordering::SeqCst);
        assert!(last >= CLIENTS * ROUNDS, "{last} connections ended with a word");
        println!("{answered} calls answered, 0 failed, {last} connections closed with notice");
        answered
    }
}

fn call(
    address: SocketAddr,
    open: &mut Option<BufReader<TcpStream>>,
    name: &str,
) -> std::io::Result<String> {
    if open.is_none() {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        *open = Some(BufReader::new(stream));
    }
    let reader = open.as_mut().unwrap();
    let body = serde_json::json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": "a", "arguments": {"name": name}}})
    .to_string();
    let text = format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    reader.get_mut().write_all(text.as_bytes())?;
    message(reader).map(|(head, _)| head)
}

#[test]
fn handed_over_socket_carries_load_over_restarts_without_a_failed_request() {
    let (folder, sockets) = (Folder::new("socket"), Sockets::new());
    let listener = format!("bind: '{}'", sockets.public());
    let admin = format!("{{ listen: '{}' }}", sockets.admin());
    let config = folder.config("trail", &listener, &admin, upstream());
    let mut serving = Process::with_sockets(&config, &sockets, &[]);
    serving.wait_for("\"listening\"");
    let load = Load::start(sockets.public());
    for _ in 0..ROUNDS {
        load.goes_on(50);
        let mut next = Process::with_sockets(&config, &sockets, &[]);
        next.wait_for("waiting for another gateway");
        load.goes_on(20);
        serving.signal("-TERM");
        next.wait_for("\"listening\"");
        std::mem::replace(&mut serving, next).ends();
        load.goes_on(50);
    }
    let answered = load.end();
    serving.signal("-TERM");
    serving.ends();
    assert_eq!(folder.calls("trail"), answered);
}

#[test]
fn shared_port_carries_load_over_restarts_without_a_failed_request() {
    let folder = Folder::new("port");
    // Bound, so that nobody else is given it, and not listening.
    let reserved =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    reserved.set_reuse_port(true).unwrap();
    reserved.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    let address = reserved.local_addr().unwrap().as_socket().unwrap();
    let (listener, upstream) = (format!("bind: '{address}', reuse_port: true"), upstream());
    let configs = ["blue", "green"].map(|name| folder.config(name, &listener, "off", upstream));
    let mut serving = Process::alone(&configs[0]);
    serving.wait_for("\"listening\"");
    let load = Load::start(address);
    for round in 1..=ROUNDS {
        load.goes_on(50);
        // Its own trail: the one that ends still writes in the other.
        let mut next = Process::alone(&configs[round % 2]);
        next.wait_for("\"listening\"");
        load.goes_on(20);
        serving.signal("-TERM");
        load.goes_on(50);
        std::mem::replace(&mut serving, next).ends();
    }
    let answered = load.end();
    serving.signal("-TERM");
    serving.ends();
    assert_eq!(folder.calls("blue") + folder.calls("green"), answered);
}

#[test]
fn socket_that_belongs_to_no_listener_keeps_the_gateway_from_starting() {
    let (folder, sockets) = (Folder::new("unclaimed"), Sockets::new());
    let listener = format!("bind: '{}'", sockets.public());
    let config = folder.config("trail", &listener, "off", upstream());
    let mut process = Process::with_sockets(&config, &sockets, &[]);
    process.wait_for("socket `admin` of the service manager");
    assert_eq!(process.child.wait().unwrap().code(), Some(1));
}

#[test]
fn service_manager_is_told_of_start_reload_life_and_end() {
    let (folder, sockets) = (Folder::new("notify"), Sockets::new());
    let path = folder.0.join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let told = |wanted: &str| loop {
        let mut words = [0; 4096];
        let bytes = manager.recv(&mut words).expect(wanted);
        let text = String::from_utf8_lossy(&words[..bytes]).into_owned();
        if text.contains(wanted) {
            return text;
        }
    };
    let listener = format!("bind: '{}'", sockets.public());
    let admin = format!("{{ listen: '{}' }}", sockets.admin());
    let config = folder.config("trail", &listener, &admin, upstream());
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let process = Process::with_sockets(&config, &sockets, &variables);
    assert!(told("READY=1").contains("STATUS=serving"));
    told("WATCHDOG=1");
    process.signal("-HUP");
    assert!(told("RELOADING=1").contains("MONOTONIC_USEC="));
    told("READY=1");
    fs::write(&config, "listen: [\n").unwrap();
    process.signal("-HUP");
    told("STATUS=serving the old configuration");
    process.signal("-TERM");
    told("STOPPING=1");
    process.ends();
}

const CLIENTS: usize = 4;
const ROUNDS: usize = 3;
