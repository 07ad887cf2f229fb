//! The admin listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sallyport::config::Admin;
use sallyport::server::admin::{AdminPages, Readiness, Status, bind};
use sallyport::server::{Bounds, Inherited};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::edge::{read_all, read_answer};

struct Switch(Arc<AtomicBool>);

impl Status for Switch {
    fn metrics(&self) -> String {
        "sallyport_up 1\n".into()
    }

    fn readiness(&self) -> Readiness {
        Readiness { ready: self.0.load(Ordering::SeqCst), reasons: vec![] }
    }
}

#[tokio::test]
async fn admin_listener_tells_readiness_and_metrics_and_guards_its_wire() {
    let ready = Arc::new(AtomicBool::new(true));
    let admin = Admin { bind: "127.0.0.1:0".parse().unwrap(), token: None };
    let listeners = bind(&admin, Bounds::default(), &Inherited::default()).await.unwrap();
    let address = listeners.addresses()[0].address;
    let pages = Arc::new(AdminPages::new(Switch(Arc::clone(&ready)), address));
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(listeners.serve(pages, shutdown.clone()));

    let mut io = TcpStream::connect(address).await.unwrap();
    io.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(read_answer(&mut io).await.starts_with("HTTP/1.1 200"));
    ready.store(false, Ordering::SeqCst);
    io.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(read_answer(&mut io).await.starts_with("HTTP/1.1 503"));
    io.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(read_answer(&mut io).await.ends_with("sallyport_up 1\n"));
    io.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(read_all(&mut io).await.starts_with("HTTP/1.1 400"));
    drop(io);
    shutdown.cancel();
    served.await.unwrap();
}
