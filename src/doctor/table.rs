//! Every check: its stable name, its section and what it means.
//!
//! Owns the words that scripts and the manual rely on. The manual has a row for each; a test holds
//! both in step.

macro_rules! checks {
    ($($section:ident $title:literal { $($check:ident $name:literal $meaning:literal;)+ })+) => {
        /// What belongs together.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Section {
            $(#[doc = $title] $section,)+
        }

        impl Section {
            /// Every section, in the order of a run.
            pub const ALL: &[Self] = &[$(Self::$section),+];

            /// Its stable name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$section => $title,)+ }
            }
        }

        /// One thing that is looked at.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Check {
            $($(#[doc = $meaning] $check,)+)+
        }

        impl Check {
            /// Every check, in the order of a run.
            pub const ALL: &[Self] = &[$($(Self::$check,)+)+];

            /// Its stable name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($(Self::$check => $name,)+)+ }
            }

            /// Where it belongs.
            #[must_use]
            pub fn section(self) -> Section {
                match self { $($(Self::$check => Section::$section,)+)+ }
            }

            /// What it means that it passed.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $($(Self::$check => $meaning,)+)+ }
            }
        }
    };
}

checks! {
    Configuration "configuration" {
        ConfigLoads "config-loads" "The configuration is read, and nothing in it is wrong or weak";
        KeyPermissions "key-permissions" "Files of private keys can be read and written by no other user of the machine";
        PolicyLoads "policy-loads" "The policies of each server are read and fit its schema";
        PinsFile "pins-file" "The file of approved tools is there, and no definition waits for approval";
    }
    Tls "tls" {
        TlsKey "tls-key" "The private key belongs to the certificate";
        TlsChain "tls-chain" "The chain begins with the server's certificate, each certificate is signed by the next, and none is missing";
        TlsDates "tls-dates" "Every certificate of the chain is in time, and none ends within 14 days";
        TlsNames "tls-names" "A certificate covers the host of each server's `public_url`";
        TlsClientCa "tls-client-ca" "The authorities and revocation lists for client certificates are in time";
    }
    Issuers "issuers" {
        IssuerMetadata "issuer-metadata" "The issuer's metadata (RFC 8414, OpenID Connect Discovery) is found and names this very issuer";
        IssuerKeys "issuer-keys" "The key set is found and has a key for each configured algorithm";
        IssuerIntrospection "issuer-introspection" "The introspection endpoint answers the gateway";
        IssuerClock "issuer-clock" "The issuer's clock and this machine's agree";
    }
    Upstreams "upstreams" {
        UpstreamConnect "upstream-connect" "The server accepts a connection; the program of a local server is there";
        UpstreamTls "upstream-tls" "The server's certificate is verified, where `https` is spoken";
        UpstreamHandshake "upstream-handshake" "The server answers an MCP handshake, and in which revision";
        UpstreamTools "upstream-tools" "The server lists its tools";
        UpstreamClock "upstream-clock" "The server's clock and this machine's agree";
        UpstreamClosed "upstream-closed" "A server on this machine is reachable over loopback alone, so that nobody gets past the gateway";
    }
    Clients "clients" {
        GatewayReady "gateway-ready" "The running gateway says that it is ready";
        GatewayTls "gateway-tls" "This machine, as a client, trusts the certificate at the `public_url`";
        MetadataPath "metadata-path" "The protected resource metadata stands where RFC 9728 puts it, and says what the configuration says";
        MetadataRoot "metadata-root" "It stands at the root of the host too, where some clients look first";
        MetadataChallenge "metadata-challenge" "A call without a token is refused with 401, and the challenge names the metadata";
    }
    Audit "audit" {
        AuditDirectory "audit-directory" "The directory is there and belongs to the gateway's user alone";
        AuditSpace "audit-space" "There is room on its disk";
        AuditKey "audit-key" "The key that signs the trail can be read, and by its owner alone";
        AuditTail "audit-tail" "The end of the trail is whole: numbers, links and the last signature";
        AuditWriter "audit-writer" "Whether a gateway is writing now";
    }
    SharedState "shared-state" {
        RedisConnect "redis-connect" "Redis accepts the connection, TLS and login";
        RedisCommands "redis-commands" "The login may use every command and key that the gateway needs";
        RedisLatency "redis-latency" "A round trip takes less than 50 ms";
        RedisEviction "redis-eviction" "Redis throws nothing away when its memory is full";
    }
    Receivers "receivers" {
        SinkReachable "sink-reachable" "The receiver of audit records accepts a connection, and TLS is verified; nothing is sent";
        AnchorReachable "anchor-reachable" "The witness, webhook or bucket that takes checkpoints accepts a connection, and TLS is verified; nothing is sent";
        TracesReachable "traces-reachable" "The collector of traces accepts a connection, and TLS is verified; nothing is sent";
    }
}
