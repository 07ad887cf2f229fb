//! Results that still fit their tool's output schema when something in them is hidden.
//!
//! Owns what happens when the ordinary replacement of a value does not fit: another one is chosen,
//! or the answer does not leave. Assumes a plan of the redaction. Guarantees: where the schema is
//! known and can be checked, a result that fitted before fits after, and shows no more; `content`
//! and every byte that is not replaced stay as they are.

mod choice;
mod wanted;

#[cfg(test)]
mod tests;

use std::ops::Range;

use bytes::Bytes;

use super::Tally;
use super::judge::Judge;
use crate::call::Resource;
use crate::class::{Class, ClassSet};
use crate::inspect::{Detector, Plan};
use crate::json::{ANSWER, Document, Edit, Kind, Value, apply};
use crate::limits::STRUCTURED_BYTES_MAX;
use crate::mcp::outputs::Outputs;
use crate::reject::{Code, Rejection};
use crate::schema::Schema;
use choice::{Chooser, Likeness};
use wanted::Wanted;

/// What became of a structured result in which something is hidden.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    /// The ordinary replacements fit.
    Planned,
    /// These do, and no fewer bytes are replaced.
    Chosen(Vec<Edit>),
    /// None were found that fit.
    Unfit,
    /// Checking costs more than it may, or the schema cannot be used.
    Unchecked,
}

impl Judge {
    /// What replaces what is hidden, where it is not what the plan says.
    ///
    /// # Errors
    /// [`Code::AnswerUnfit`] when nothing does that the tool's output schema allows.
    pub(super) fn fitted(
        &self,
        document: &Document,
        gates: &[Edit],
        plan: &Plan,
        tally: &Tally,
    ) -> Result<Option<Vec<Edit>>, Rejection> {
        let Some(tool) = self.tool.as_deref() else { return Ok(None) };
        let Some(result) = document.root().get("result") else { return Ok(None) };
        // That of a finished task stands inside.
        let inner = result.get("result").filter(|inner| inner.kind() == Kind::Object);
        let mut masks: Option<Vec<Mask>> = None;
        for structured in [Some(result), inner].into_iter().flatten() {
            let Some(structured) = structured.get("structuredContent") else { continue };
            let all = masks.get_or_insert_with(|| Mask::all(gates, plan));
            if !all.iter().any(|mask| mask.is_inside(structured)) {
                continue;
            }
            let fitting = Fitting {
                detector: &self.detector,
                reveal: self.reveal,
                document,
                structured,
                gates,
            };
            let fit = fitting.look(&self.outputs, tool, all);
            tally.note(|deeds| deeds.fit_one(fit.as_ref().map_or("unseen", Fit::name)));
            match fit {
                Some(Fit::Unfit) => {
                    let why = "what must be hidden leaves no value that the output schema allows";
                    return Err(Rejection::new(Code::AnswerUnfit, why));
                }
                Some(Fit::Chosen(edits)) => Mask::replace(all, edits),
                Some(Fit::Planned | Fit::Unchecked) | None => {}
            }
        }
        let chosen = masks.filter(|masks| masks.iter().any(|mask| mask.class.is_none()));
        Ok(chosen.map(|masks| masks.into_iter().map(|mask| mask.edit).collect()))
    }
}

/// A message with what is hidden in it, where its structured result has this schema; `None` where
/// nothing that hides it fits, and the message must not leave.
#[must_use]
pub fn redacted(
    document: &Document,
    detector: &Detector,
    reveal: ClassSet,
    schema: &Schema,
) -> Option<Bytes> {
    let plan = detector.plan(document.root(), reveal);
    let mut masks = Mask::all(&[], &plan);
    if let Some(structured) = document.root().pointer("/result/structuredContent") {
        let fitting = Fitting { detector, reveal, document, structured, gates: &[] };
        match fitting.fit(schema, &masks) {
            Fit::Chosen(edits) => Mask::replace(&mut masks, edits),
            Fit::Unfit => return None,
            Fit::Planned | Fit::Unchecked => {}
        }
    }
    let edits: Vec<_> = masks.into_iter().map(|mask| mask.edit).collect();
    Some(apply(document.bytes(), &edits))
}

/// The tool whose result is asked for.
pub(super) fn tool_of(resource: &Resource) -> Option<Box<str>> {
    match resource {
        Resource::Tool(name) => Some(name.clone()),
        Resource::Server | Resource::Uri(_) | Resource::Prompt(_) | Resource::Namespace(_) => None,
    }
}

/// Bytes that are replaced to hide something.
#[derive(Debug, Clone)]
struct Mask {
    edit: Edit,
    /// The class of what is hidden; `None` where another replacement than the plan's was chosen.
    class: Option<Class>,
}

impl Mask {
    /// What the plan hides and no gate takes away, in order.
    fn all(gates: &[Edit], plan: &Plan) -> Vec<Self> {
        let kept = plan.edits_with_class().filter(|(range, _, _)| is_clear(gates, range));
        kept.map(|(span, with, class)| Self {
            edit: Edit { span, with: with.to_vec().into() },
            class: Some(class),
        })
        .collect()
    }

    /// Puts others in the place of those that stand where they do.
    fn replace(masks: &mut Vec<Self>, edits: Vec<Edit>) {
        masks.retain(|mask| is_clear(&edits, &mask.edit.span));
        masks.extend(edits.into_iter().map(|edit| Self { edit, class: None }));
        masks.sort_by_key(|mask| mask.edit.span.start);
    }

    fn is_inside(&self, value: Value<'_>) -> bool {
        let span = value.span();
        span.start <= self.edit.span.start && self.edit.span.end <= span.end
    }
}

/// One structured result on its way.
#[derive(Clone, Copy)]
struct Fitting<'f> {
    detector: &'f Detector,
    reveal: ClassSet,
    document: &'f Document,
    structured: Value<'f>,
    gates: &'f [Edit],
}

impl Fitting<'_> {
    /// `None` where no schema is known.
    fn look(&self, outputs: &Outputs, tool: &str, masks: &[Mask]) -> Option<Fit> {
        let text = outputs.text(tool)?;
        // The caller's copy of the schema went through the same gate.
        let seen = Document::parse(text.clone(), &ANSWER).ok()?;
        let seen = self.detector.plan(seen.root(), self.reveal).apply(&text);
        let schema = if seen == text {
            outputs.ready(tool, &text)
        } else {
            Schema::read(&seen).map(std::sync::Arc::new)
        };
        match schema {
            Ok(schema) => Some(self.fit(&schema, masks)),
            Err(why) => {
                tracing::debug!(%why, "an output schema cannot be used");
                Some(Fit::Unchecked)
            }
        }
    }

    fn fit(&self, schema: &Schema, masks: &[Mask]) -> Fit {
        if self.structured.raw().len() > STRUCTURED_BYTES_MAX {
            return Fit::Unchecked;
        }
        let masks: Vec<_> = masks.iter().filter(|mask| mask.is_inside(self.structured)).collect();
        let spans: Vec<_> = masks.iter().map(|mask| mask.edit.span.clone()).collect();
        let Ok((leaves, steps)) = schema.leaves(self.structured, &spans) else {
            return Fit::Unchecked;
        };
        let planned: Vec<_> = masks.iter().map(|mask| mask.edit.clone()).collect();
        let wanted: Vec<_> = leaves.iter().map(|leaf| Wanted::new(leaf, &masks)).collect();
        let formatted = wanted.iter().any(|wanted| wanted.is_formatted(schema));
        if !formatted && self.accepts(schema, &planned) {
            return Fit::Planned;
        }
        let mut chooser = Chooser::new(self.detector, schema, steps);
        let mut nearest = None;
        for likeness in [Likeness::AsAsked, Likeness::Same] {
            let Some(chosen) = chooser.all(&wanted, likeness) else { continue };
            let mut edits = planned.clone();
            edits.retain(|edit| is_clear(&chosen, &edit.span));
            edits.extend(chosen.iter().cloned());
            edits.sort_by_key(|edit| edit.span.start);
            if !self.hides(&chooser, &edits, &chosen) {
                continue;
            }
            if self.accepts(schema, &edits) {
                return Fit::Chosen(chosen);
            }
            nearest.get_or_insert(chosen);
        }
        match nearest {
            // What did not fit before need not fit now.
            Some(chosen) if !self.accepts(schema, &[]) => Fit::Chosen(chosen),
            Some(_) | None => Fit::Unfit,
        }
    }

    /// Whether the result fits with these replacements.
    fn accepts(&self, schema: &Schema, masks: &[Edit]) -> bool {
        let span = self.structured.span();
        let mut edits = merge(self.gates, masks.iter().cloned());
        edits.retain(|edit| span.start <= edit.span.start && edit.span.end <= span.end);
        for edit in &mut edits {
            edit.span = edit.span.start - span.start..edit.span.end - span.start;
        }
        let redacted = apply(&self.document.bytes().slice(span), &edits);
        serde_json::from_slice(&redacted).is_ok_and(|redacted| schema.accepts(&redacted))
    }

    /// Looks at the whole message again: whether it is one still, and nothing is found in what was
    /// chosen that is more than a value that names nobody.
    fn hides(&self, chooser: &Chooser<'_>, masks: &[Edit], chosen: &[Edit]) -> bool {
        let edits = merge(self.gates, masks.iter().cloned());
        let bytes = apply(self.document.bytes(), &edits);
        let Ok(document) = Document::parse(bytes, &ANSWER) else { return false };
        let plan = self.detector.plan(document.root(), self.reveal);
        let landed = landed(&edits, chosen);
        plan.edits_with_class().all(|(range, _, class)| {
            let at = landed.partition_point(|(place, _)| place.end <= range.start);
            landed
                .get(at)
                .filter(|(place, _)| place.start < range.end)
                .is_none_or(|(_, edit)| chooser.is_harmless(&edit.with, class))
        })
    }
}

impl Fit {
    /// The name in labels.
    fn name(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Chosen(_) => "chosen",
            Self::Unfit => "unfit",
            Self::Unchecked => "unchecked",
        }
    }
}

/// Where in the edited message the chosen replacements stand.
fn landed<'e>(edits: &'e [Edit], chosen: &[Edit]) -> Vec<(Range<usize>, &'e Edit)> {
    let (mut removed, mut added) = (0, 0);
    let mut landed = Vec::with_capacity(chosen.len());
    for edit in edits {
        let start = edit.span.start - removed + added;
        let is_chosen = |other: &Edit| other.span == edit.span;
        let at = chosen.partition_point(|other| other.span.start < edit.span.start);
        if chosen.get(at).is_some_and(is_chosen) {
            landed.push((start..start + edit.with.len(), edit));
        }
        removed += edit.span.len();
        added += edit.with.len();
    }
    landed
}

/// The edits of the gates, in order, and those that hide, where both can be. What a gate removes
/// or seals is gone from the answer, so nothing is hidden in it; a sealed value never is either.
pub(super) fn merge(gates: &[Edit], masks: impl Iterator<Item = Edit>) -> Vec<Edit> {
    let mut edits = gates.to_vec();
    let mut end = 0;
    for mask in masks {
        if is_clear(gates, &mask.span) && end <= mask.span.start {
            end = mask.span.end;
            edits.push(mask);
        }
    }
    edits.sort_by_key(|edit| edit.span.start);
    edits
}

/// Whether none of the edits, which are in order, touches a range.
fn is_clear(edits: &[Edit], range: &Range<usize>) -> bool {
    let at = edits.partition_point(|edit| edit.span.end <= range.start);
    edits.get(at).is_none_or(|edit| range.end <= edit.span.start)
}
