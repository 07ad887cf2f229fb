//! A witness: it keeps the newest tree head of this log that it saw, wants a proof that the next
//! one continues it, and signs that, with the time (C2SP `tlog-witness` and `tlog-cosignature`).

pub use crate::limits::{ANCHOR_ANSWER_BYTES_MAX, ANCHOR_CONFLICTS_MAX};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::worker::{Outcome, Place, blocking};
use crate::audit::{self, AnchorFiles, Anchored, Cosigned, GrowError, Grown, Growth, Latest, Note};
use crate::config::SinkHttp;
use crate::sinks::SinkError;
use crate::sinks::http::{Answer, Http};
use crate::vkey::WitnessKey;

pub(super) struct Witness {
    dir: PathBuf,
    files: AnchorFiles,
    http: Http,
    key: WitnessKey,
    /// The tree that the witness saw last.
    growth: Option<Growth>,
}

/// What a witness said.
#[derive(Debug)]
enum Said {
    /// Its signature lines that are right, and the time in them.
    Cosigned(String, u64),
    /// That it knows so many records.
    Knows(u64),
    /// That what it knows is not the beginning of what it was shown.
    Inconsistent,
    /// Anything else.
    Other(String, Option<Duration>),
}

impl Witness {
    pub(super) fn new(
        dir: &Path,
        name: &str,
        http: &SinkHttp,
        key: &WitnessKey,
        timeout: Duration,
    ) -> Result<Self, SinkError> {
        Ok(Self {
            dir: dir.to_path_buf(),
            files: AnchorFiles::new(dir, name),
            http: Http::new(http, timeout)?.answers_up_to(ANCHOR_ANSWER_BYTES_MAX),
            key: key.clone(),
            growth: None,
        })
    }

    async fn ask(&self, old: u64, grown: &Grown, latest: &Latest) -> Said {
        let url = self.http.url("/add-checkpoint");
        let body = Bytes::from(request(old, grown, latest));
        match self.http.send(Method::POST, &url, HeaderMap::new(), body).await {
            Err(reason) => Said::Other(reason, None),
            Ok(answer) => self.read(&answer, latest),
        }
    }

    /// C2SP tlog-witness, "add-checkpoint".
    fn read(&self, answer: &Answer, latest: &Latest) -> Said {
        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
        let reason = match answer.status {
            StatusCode::OK => {
                return match self.cosignatures(text, latest) {
                    Some((lines, at)) => Said::Cosigned(lines, at),
                    None => Said::Other(
                        "it answered without a right signature of the configured key".into(),
                        None,
                    ),
                };
            }
            StatusCode::CONFLICT => {
                let size = text.strip_suffix('\n').unwrap_or(text);
                // One spelling, as of every number in these formats.
                return match size.parse::<u64>().ok().filter(|n| n.to_string() == size) {
                    Some(size) => Said::Knows(size),
                    None => {
                        Said::Other("it knows another size and does not say which".into(), None)
                    }
                };
            }
            StatusCode::UNPROCESSABLE_ENTITY => return Said::Inconsistent,
            StatusCode::NOT_FOUND => {
                "status 404: it does not know this log; give its operator the line of `verifier.pub`"
            }
            StatusCode::FORBIDDEN => {
                "status 403: it knows another key of this log; give its operator `verifier.pub`"
            }
            status => {
                return Said::Other(format!("status {}", status.as_u16()), answer.retry_after());
            }
        };
        Said::Other(reason.into(), answer.retry_after())
    }

    /// The lines of an answer that are the witness's own right ones, and the last time in them.
    fn cosignatures(&self, text: &str, latest: &Latest) -> Option<(String, u64)> {
        let (mut lines, mut last) = (String::new(), 0);
        for line in text.split_inclusive('\n') {
            let note = format!("{}{line}", latest.note);
            let Ok(note) = Note::parse(&note) else { continue };
            // Others' are passed over, as the protocol wants it.
            if let Cosigned::At(at) = note.cosigned_by(&self.key) {
                lines.push_str(line);
                last = at.max(last);
            }
        }
        (!lines.is_empty()).then_some((lines, last))
    }

    async fn grow(&self, from: &Growth, latest: &Latest) -> Result<Grown, GrowError> {
        let (from, latest) = (from.clone(), latest.clone());
        spawned(move || from.to(&latest)).await
    }

    async fn at(&self, from: &Growth, size: u64) -> Result<Growth, GrowError> {
        let from = from.clone();
        spawned(move || from.at(size)).await
    }

    /// Keeps the cosigned checkpoint before anything is said of it.
    async fn keep(&self, latest: &Latest, lines: &str) -> io::Result<()> {
        let (files, key) = (self.files.clone(), self.key.clone());
        let note = format!("{}{lines}", latest.note);
        blocking(move || {
            files.add_key(&key)?;
            files.add_cosigned(&note)
        })
        .await
    }
}

impl Place for Witness {
    const CONFIRMS: bool = true;

    async fn take(&mut self, latest: &Latest, had: Option<&Anchored>) -> Outcome {
        let kept = || had.and_then(|had| had.growth(&self.dir));
        let known = self.growth.clone().or_else(kept);
        let mut growth = known.unwrap_or_else(|| Growth::new(&self.dir));
        let mut latest = latest.clone();
        for _ in 0..=ANCHOR_CONFLICTS_MAX {
            let grown = match self.grow(&growth, &latest).await {
                Ok(grown) => grown,
                Err(error) => return cannot(error),
            };
            let old = growth.size();
            match self.ask(old, &grown, &latest).await {
                Said::Cosigned(lines, at) => {
                    if let Err(error) = self.keep(&latest, &lines).await {
                        return Outcome::again(format!("its signature cannot be kept: {error}"));
                    }
                    let peaks = grown.then.peaks().to_vec();
                    self.growth = Some(grown.then);
                    return Outcome::Taken(Anchored {
                        size: latest.size,
                        root: latest.root,
                        peaks,
                        at,
                    });
                }
                Said::Knows(size) if size == old && size == latest.size => {
                    let reason = "it knows other records under the same numbers";
                    return contradicted(Some(size), reason);
                }
                Said::Knows(size) if size == old => {
                    return Outcome::again(
                        "it says that it knows another size, and names the same",
                    );
                }
                Said::Knows(size) => {
                    // A gateway that took over may have shown it more by now: the log tells.
                    if size > latest.size {
                        match self.newest().await {
                            Ok(Some(newest)) if newest.size >= size => latest = newest,
                            Ok(_) => return contradicted(Some(size), "it knows more records"),
                            Err(error) => return Outcome::again(error.to_string()),
                        }
                    }
                    growth = match self.at(&growth, size).await {
                        Ok(growth) => growth,
                        Err(error) => return cannot(error),
                    };
                }
                Said::Inconsistent => {
                    let reason = "what it knows is not the beginning of this log";
                    return contradicted(Some(old), reason);
                }
                Said::Other(reason, after) => return Outcome::Again { reason, after },
            }
        }
        Outcome::again("it says again and again that it knows another size")
    }
}

impl Witness {
    async fn newest(&self) -> io::Result<Option<Latest>> {
        let dir = self.dir.clone();
        blocking(move || audit::latest(&dir)).await
    }
}

/// C2SP tlog-witness: the old size, the proof, an empty line, the checkpoint.
fn request(old: u64, grown: &Grown, latest: &Latest) -> String {
    let mut text = format!("old {old}\n");
    for hash in &grown.proof {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", STANDARD.encode(hash));
    }
    text.push('\n');
    text.push_str(&latest.note);
    text
}

fn contradicted(known: Option<u64>, reason: &str) -> Outcome {
    Outcome::Contradicted { known, reason: reason.to_owned() }
}

fn cannot(error: GrowError) -> Outcome {
    match error {
        GrowError::Io(error) => Outcome::again(format!("the log cannot be read: {error}")),
        // Nothing was asked yet: this log is not what it signed itself.
        error @ GrowError::Contradiction => {
            Outcome::Contradicted { known: None, reason: error.to_string() }
        }
    }
}

/// Runs what reads the log beside the tasks.
async fn spawned<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GrowError> + Send + 'static,
) -> Result<T, GrowError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(GrowError::Io(io::Error::other(error))))
}
