//! What queries of rules and dashboards may name: the metrics of the table in the operations
//! chapter, what the rules record from them, and their labels.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

use super::read;

const RULES: &str = "deploy/prometheus/rules.yaml";

pub(super) fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(super) fn rules() -> Vec<Value> {
    yaml(RULES)["groups"][0]["rules"].as_array().unwrap().clone()
}

/// Every metric with its labels.
pub(super) struct Known(BTreeMap<String, BTreeSet<String>>);

impl Known {
    pub(super) fn read() -> Self {
        let documented = read("src/manual/operations.md");
        let row = Regex::new(r"(?m)^\| `((?:sallyport|process)_[a-z_]+)` \|([^|]*)\|").unwrap();
        let label = Regex::new("`([a-z_]+)`").unwrap();
        let mut known = BTreeMap::new();
        for row in row.captures_iter(&documented) {
            let labels = label.captures_iter(&row[2]).map(|label| label[1].to_owned());
            known.insert(row[1].to_owned(), labels.collect::<BTreeSet<_>>());
        }
        // What is recorded has the labels of what it is recorded from.
        let metric = Regex::new("sallyport_[a-z_]+").unwrap();
        for rule in rules() {
            let Some(name) = rule["record"].as_str() else { continue };
            let from = metric.find(rule["expr"].as_str().unwrap()).unwrap().as_str();
            known.insert(name.to_owned(), known[from].clone());
        }
        Self(known)
    }

    /// The labels of a metric, or of one of the series of a histogram.
    fn labels(&self, name: &str) -> Option<BTreeSet<String>> {
        let series = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            let labels = self.0.get(name.strip_suffix(end)?)?;
            let le = (*end == "_bucket").then(|| "le".to_owned());
            Some(labels.iter().cloned().chain(le).collect())
        });
        self.0.get(name).cloned().or(series)
    }

    /// The metrics that a query names; fails where one does not exist, or is asked for or summed
    /// by a label that it has not.
    pub(super) fn metrics(&self, expr: &str) -> BTreeSet<String> {
        let selector =
            Regex::new(r"\b((?:sallyport[_:]|process_)[a-z0-9_:]+)(?:\{([^}]*)\})?").unwrap();
        let matcher = Regex::new(r#"([a-z_]+)\s*(?:=~|!~|!=|=)\s*""#).unwrap();
        let by = Regex::new(r"\bby \(([^)]*)\)").unwrap();
        // These two come from Prometheus.
        let mut all = BTreeSet::from(["instance".to_owned(), "job".to_owned()]);
        let theirs = all.clone();
        let mut named = BTreeSet::new();
        for found in selector.captures_iter(expr) {
            let Some(labels) = self.labels(&found[1]) else { panic!("no metric {}", &found[1]) };
            let matched = found.get(2).map_or("", |matched| matched.as_str());
            for asked in matcher.captures_iter(matched).map(|label| label[1].to_owned()) {
                assert!(labels.contains(&asked) || theirs.contains(&asked), "{asked} in {expr}");
            }
            all.extend(labels);
            named.insert(found[1].to_owned());
        }
        for label in by
            .captures_iter(expr)
            .flat_map(|by| by[1].split(", ").map(str::to_owned).collect::<Vec<_>>())
        {
            assert!(all.contains(&label), "by {label} in {expr}");
        }
        named
    }
}
