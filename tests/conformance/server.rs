//! The fixture server of the conformance tests, by itself: says where it listens, and ends when
//! its standard input does.

#![allow(clippy::indexing_slicing, reason = "a test server indexes JSON that it made itself")]

mod fixture;

use std::io::{Read as _, Write as _};

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let mut out = std::io::stdout();
    writeln!(out, "http://{}/mcp", listener.local_addr()?)?;
    out.flush()?;
    runtime.spawn(fixture::serve(listener));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    runtime.shutdown_background();
    Ok(())
}
