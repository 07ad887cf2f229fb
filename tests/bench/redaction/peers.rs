//! Presidio and ContextForge's pii_filter on the same documents, in the same run.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::documents::Sample;

/// Times the peers where a Python has them, and prints how much longer they take than we do.
pub fn measure(samples: &[Sample], ours: &[Duration]) {
    let Ok(python) = std::env::var("SALLYPORT_PEERS_PYTHON") else {
        println!(
            "\nNo peers: install tests/redaction/peers/requirements.txt for a Python, and name it in \
             SALLYPORT_PEERS_PYTHON."
        );
        return;
    };
    let chosen: Vec<(&Sample, &Duration)> =
        samples.iter().zip(ours).filter(|(sample, _)| sample.peers).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/redaction/peers/time_peers.py");
    let child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("the Python of SALLYPORT_PEERS_PYTHON starts");
    let mut input = child.stdin.take().unwrap();
    for (sample, _) in &chosen {
        for message in &sample.messages {
            writeln!(input, "{}", serde_json::Value::from(message.as_str())).unwrap();
        }
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the peers failed");
    println!("\n| document | peer | us | MB/s | times ours |\n|---|---|---|---|---|");
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (peer, seconds) = line.split_once(' ').unwrap();
        for ((sample, ours), seconds) in chosen.iter().zip(seconds.split(' ')) {
            let seconds: f64 = seconds.parse().unwrap();
            let bytes = f64::from(u32::try_from(sample.bytes()).unwrap());
            println!(
                "| {} | {peer} | {:.0} | {:.2} | {:.0} |",
                sample.name,
                seconds * 1e6,
                bytes / 1e6 / seconds,
                seconds / ours.as_secs_f64()
            );
        }
    }
}
