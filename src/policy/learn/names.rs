//! How many names become a condition: each as it is, or URIs by what they begin with.

use std::collections::BTreeMap;

use crate::limits::LEARN_URIS_MAX;

/// A URI, or what stands for several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Uri {
    /// This one.
    Exact(Box<str>),
    /// Whatever begins so.
    Below(Box<str>),
}

/// URIs as they are, or, where there are more than [`LEARN_URIS_MAX`], by the longest beginnings
/// that are few enough; each with how many it stands for. A beginning always holds the scheme and
/// what stands before the first slash behind it.
pub(super) fn uris<'u>(all: impl Iterator<Item = &'u str> + Clone) -> BTreeMap<Uri, u64> {
    let exact: BTreeMap<Uri, u64> = all.clone().map(|uri| (Uri::Exact(uri.into()), 1)).collect();
    let deepest = all.clone().map(|uri| uri.matches('/').count()).max().unwrap_or(0);
    if exact.len() <= LEARN_URIS_MAX {
        return exact;
    }
    let mut found = BTreeMap::new();
    for slashes in (0..=deepest).rev() {
        found = cut(all.clone(), slashes);
        if found.len() <= LEARN_URIS_MAX {
            break;
        }
    }
    found
}

/// Each URI up to its n-th slash, or as it is where it has none further.
fn cut<'u>(all: impl Iterator<Item = &'u str>, slashes: usize) -> BTreeMap<Uri, u64> {
    let mut found: BTreeMap<Uri, u64> = BTreeMap::new();
    for uri in all {
        let least = host_end(uri);
        let nth = uri.match_indices('/').map(|(at, _)| at + 1).filter(|at| *at >= least);
        let kept = match nth.take(slashes.max(1)).last() {
            Some(end) if end < uri.len() => uri.get(..end),
            Some(_) | None => None,
        };
        let kept = match kept {
            Some(beginning) => Uri::Below(beginning.into()),
            None => Uri::Exact(uri.into()),
        };
        *found.entry(kept).or_default() += 1;
    }
    // What stands below a beginning that is there anyway adds nothing.
    let below = |uri: &str, all: &BTreeMap<Uri, u64>| {
        all.keys().any(|one| match one {
            Uri::Below(beginning) => uri.starts_with(&**beginning) && uri.len() > beginning.len(),
            Uri::Exact(_) => false,
        })
    };
    let covered: Vec<Uri> = found
        .keys()
        .filter(|one| match one {
            Uri::Below(text) | Uri::Exact(text) => below(text, &found),
        })
        .cloned()
        .collect();
    for one in covered {
        found.remove(&one);
    }
    found
}

/// Where the authority of a URI ends, so that no pattern spans hosts or schemes.
fn host_end(uri: &str) -> usize {
    match uri.find("://") {
        Some(at) => {
            let rest = uri.get(at + 3..).unwrap_or_default();
            rest.find('/').map_or(uri.len(), |slash| at + 3 + slash + 1)
        }
        None => uri.find(':').map_or(0, |at| at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::{LEARN_URIS_MAX, Uri, uris};

    fn of(all: &[String]) -> Vec<(Uri, u64)> {
        uris(all.iter().map(String::as_str)).into_iter().collect()
    }

    #[test]
    fn few_uris_stay_as_they_are() {
        let all: Vec<String> = (0..LEARN_URIS_MAX).map(|n| format!("crm://a/{n}")).collect();
        assert!(of(&all).iter().all(|(uri, _)| matches!(uri, Uri::Exact(_))));
    }

    #[test]
    fn more_than_learn_uris_max_become_the_longest_beginnings_that_are_few() {
        let mut all: Vec<String> = (0..LEARN_URIS_MAX)
            .flat_map(|n| [format!("crm://a/{}/{n}", n % 2), format!("crm://b/{n}/x")])
            .collect();
        all.push("note:7".into());
        let found = of(&all);
        let half = LEARN_URIS_MAX as u64 / 2;
        let below = |text: &str| Uri::Below(text.into());
        let expected = vec![
            (Uri::Exact("note:7".into()), 1),
            (below("crm://a/"), 2 * half),
            (below("crm://b/"), 2 * half),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn no_beginning_spans_hosts_or_schemes() {
        let all: Vec<String> = (0..3 * LEARN_URIS_MAX).map(|n| format!("https://h{n}/x")).collect();
        let found = of(&all);
        assert_eq!(found.len(), all.len());
        assert!(
            found.iter().all(|(uri, _)| matches!(uri, Uri::Below(text) if text.ends_with('/')))
        );
    }

    #[test]
    fn every_uri_is_covered_by_what_stands_for_it() {
        let all: Vec<String> = (0..5 * LEARN_URIS_MAX)
            .map(|n| format!("s://h/{}/{}{}", n % 7, n % 11, if n % 3 == 0 { "" } else { "/y" }))
            .collect();
        let found = of(&all);
        for uri in &all {
            assert!(found.iter().any(|(one, _)| match one {
                Uri::Exact(text) => **text == **uri,
                Uri::Below(text) => uri.starts_with(&**text),
            }));
        }
    }
}
