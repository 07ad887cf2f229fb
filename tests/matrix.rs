//! Every kind of MCP client in front of every kind of MCP server, through the compiled gateway, over
//! TLS and with tokens: official SDK clients of both eras and of HTTP+SSE; servers on both lines of
//! both official SDKs, over stdio, HTTP+SSE, stateful and stateless Streamable HTTP.
//!
//! Everything foreign is installed by `tests/peers/install`; `tests/run` does that and runs these.
//! What ran is printed into the manual: `UPDATE_MANUAL=1 cargo test --test matrix -- --ignored`.

#[cfg(test)]
#[path = "matrix/canaries.rs"]
mod canaries;
#[cfg(test)]
#[path = "matrix/cell.rs"]
mod cell;
#[cfg(test)]
#[path = "matrix/programs.rs"]
mod programs;
#[cfg(test)]
#[path = "matrix/stage.rs"]
mod stage;
#[cfg(test)]
#[path = "peers/support/mod.rs"]
mod support;
#[cfg(test)]
#[path = "matrix/table.rs"]
mod table;

use cell::works;
use stage::Server;
use support::Sdk;

/// One test for each client before each server.
macro_rules! cells {
    ($($name:ident: $client:ident => $server:ident;)*) => {
        $(
            #[test]
            #[ignore = "needs npm and PyPI packages: tests/run installs them"]
            fn $name() {
                works(Sdk::$client, Server::$server);
            }
        )*
        /// The cells, in the order of the table.
        const CELLS: &[(Sdk, Server)] = &[$((Sdk::$client, Server::$server)),*];
    };
}

cells! {
    legacy_ts_client_reaches_ts_stdio_server: Ts1 => StdioTs;
    legacy_ts_client_reaches_py_stdio_server: Ts1 => StdioPy;
    legacy_ts_client_reaches_ts_sse_server: Ts1 => SseTs;
    legacy_ts_client_reaches_py_sse_server: Ts1 => SsePy;
    legacy_ts_client_reaches_ts_stateful_server: Ts1 => StatefulTs;
    legacy_ts_client_reaches_py_stateful_server: Ts1 => StatefulPy;
    legacy_ts_client_reaches_ts_modern_server: Ts1 => ModernTs;
    legacy_ts_client_reaches_py_modern_server: Ts1 => ModernPy;

    legacy_py_client_reaches_ts_stdio_server: Py1 => StdioTs;
    legacy_py_client_reaches_py_stdio_server: Py1 => StdioPy;
    legacy_py_client_reaches_ts_sse_server: Py1 => SseTs;
    legacy_py_client_reaches_py_sse_server: Py1 => SsePy;
    legacy_py_client_reaches_ts_stateful_server: Py1 => StatefulTs;
    legacy_py_client_reaches_py_stateful_server: Py1 => StatefulPy;
    legacy_py_client_reaches_ts_modern_server: Py1 => ModernTs;
    legacy_py_client_reaches_py_modern_server: Py1 => ModernPy;

    modern_ts_client_reaches_ts_stdio_server: Ts2Modern => StdioTs;
    modern_ts_client_reaches_py_stdio_server: Ts2Modern => StdioPy;
    modern_ts_client_reaches_ts_sse_server: Ts2Modern => SseTs;
    modern_ts_client_reaches_py_sse_server: Ts2Modern => SsePy;
    modern_ts_client_reaches_ts_stateful_server: Ts2Modern => StatefulTs;
    modern_ts_client_reaches_py_stateful_server: Ts2Modern => StatefulPy;
    modern_ts_client_reaches_ts_modern_server: Ts2Modern => ModernTs;
    modern_ts_client_reaches_py_modern_server: Ts2Modern => ModernPy;

    modern_py_client_reaches_ts_stdio_server: Py2Modern => StdioTs;
    modern_py_client_reaches_py_stdio_server: Py2Modern => StdioPy;
    modern_py_client_reaches_ts_sse_server: Py2Modern => SseTs;
    modern_py_client_reaches_py_sse_server: Py2Modern => SsePy;
    modern_py_client_reaches_ts_stateful_server: Py2Modern => StatefulTs;
    modern_py_client_reaches_py_stateful_server: Py2Modern => StatefulPy;
    modern_py_client_reaches_ts_modern_server: Py2Modern => ModernTs;
    modern_py_client_reaches_py_modern_server: Py2Modern => ModernPy;

    sse_ts_client_reaches_ts_stdio_server: Ts1Sse => StdioTs;
    sse_ts_client_reaches_py_stdio_server: Ts1Sse => StdioPy;
    sse_ts_client_reaches_ts_sse_server: Ts1Sse => SseTs;
    sse_ts_client_reaches_py_sse_server: Ts1Sse => SsePy;
    sse_ts_client_reaches_ts_stateful_server: Ts1Sse => StatefulTs;
    sse_ts_client_reaches_py_stateful_server: Ts1Sse => StatefulPy;
    sse_ts_client_reaches_ts_modern_server: Ts1Sse => ModernTs;
    sse_ts_client_reaches_py_modern_server: Ts1Sse => ModernPy;

    sse_py_client_reaches_ts_stdio_server: Py1Sse => StdioTs;
    sse_py_client_reaches_py_stdio_server: Py1Sse => StdioPy;
    sse_py_client_reaches_ts_sse_server: Py1Sse => SseTs;
    sse_py_client_reaches_py_sse_server: Py1Sse => SsePy;
    sse_py_client_reaches_ts_stateful_server: Py1Sse => StatefulTs;
    sse_py_client_reaches_py_stateful_server: Py1Sse => StatefulPy;
    sse_py_client_reaches_ts_modern_server: Py1Sse => ModernTs;
    sse_py_client_reaches_py_modern_server: Py1Sse => ModernPy;
}

/// If one of these fails, no other failure here says anything about the gateway.
mod without_a_gateway {
    use super::cell::works_alone;
    use super::stage::Server;
    use super::support::Sdk;

    #[test]
    #[ignore = "needs npm and PyPI packages: tests/run installs them"]
    fn legacy_clients_and_stateful_servers_do_all_of_it() {
        for client in [Sdk::Ts1, Sdk::Py1] {
            works_alone(client, Server::StatefulTs);
            works_alone(client, Server::StatefulPy);
        }
    }

    #[test]
    #[ignore = "needs npm and PyPI packages: tests/run installs them"]
    fn sse_clients_and_sse_servers_do_all_of_it() {
        for client in [Sdk::Ts1Sse, Sdk::Py1Sse] {
            works_alone(client, Server::SseTs);
            works_alone(client, Server::SsePy);
        }
    }

    #[test]
    #[ignore = "needs npm and PyPI packages: tests/run installs them"]
    fn modern_clients_and_stateless_servers_do_all_of_it() {
        for client in [Sdk::Ts2Modern, Sdk::Py2Modern] {
            works_alone(client, Server::ModernTs);
            works_alone(client, Server::ModernPy);
        }
    }
}
