#!/usr/bin/env python3
"""Runs Presidio and ContextForge's pii_filter over the labelled corpus.

    SALLYPORT_CORPUS_DUMP=corpus.jsonl \
        cargo test --test redaction corpus_is_written -- --ignored
    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python score_peers.py corpus.jsonl out/
    for f in out/*.jsonl; do SALLYPORT_CORPUS_OUTPUTS=$PWD/$f \
        cargo test --test redaction outputs_of_another -- --ignored --nocapture; done

Each peer is given what it does not do by itself: our walk parses the message, hands over every
string, number and member name as text, descends into strings that hold JSON, and writes valid
JSON again. Presidio also gets the member names above a value as context words. The runs named
`shipped` are without that help: Presidio over the raw text, pii_filter over the parsed message
as its own plugin walks it.
"""

import argparse
import inspect
import json
import re
import sys
import time
from pathlib import Path

# Presidio would also hide every URL, UUID and date, which no class of the corpus asks for.
NOT_ASKED = {"URL", "UUID", "DATE_TIME"}


def words(name):
    """The words of a member name."""
    return re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+", name)


class Number(str):
    """A JSON number as it was written."""


def parse(text):
    return json.loads(text, parse_int=Number, parse_float=Number)


def write(value):
    """JSON without a change to numbers, members in their order."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, Members):
        body = ",".join(f"{write(key)}:{write(inner)}" for key, inner in value.pairs)
        return "{" + body + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


class Members:
    """An object whose names may have been replaced."""

    def __init__(self, pairs):
        self.pairs = pairs


def distinct(pairs):
    seen = {}
    for key, value in pairs:
        seen[key] = seen.get(key, 0) + 1
        yield (key if seen[key] == 1 else f"{key}_{seen[key]}"), value


def walk(value, redact, context=()):
    """Redacts every string, number and member name below."""
    if isinstance(value, dict):
        pairs = [
            (redact(key, ()), walk(inner, redact, (*context[-6:], *words(key))))
            for key, inner in value.items()
        ]
        return Members(list(distinct(pairs)))
    if isinstance(value, list):
        return [walk(inner, redact, context) for inner in value]
    if isinstance(value, Number):
        out = redact(str(value), context)
        return value if out == str(value) else out
    if isinstance(value, str):
        if value[:1] in "{[" and value[:1]:
            try:
                return write(walk(parse(value), redact, context))
            except ValueError:
                pass
        return redact(value, context)
    return value


def blank_engine():
    """A tokenizer without a model: pattern recognizers need tokens for context, no more."""
    import spacy
    from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        def load(self):
            self.nlp = {"en": spacy.blank("en")}
            self.nlp["en"].max_length = 10_000_000

        def _doc_to_nlp_artifact(self, doc, language):
            lemmas = [token.text.lower() for token in doc]
            indices = [token.idx for token in doc]
            return NlpArtifacts(
                entities=[], tokens=doc, tokens_indices=indices, lemmas=lemmas,
                nlp_engine=self, language=language, scores=[],
            )

    engine = Blank()
    engine.load()
    return engine


def is_asked(recognizer):
    return not NOT_ASKED.intersection(recognizer.supported_entities)


def presidio(which, threshold):
    """Presidio's analyzer with its own defaults (`default`) or every pattern (`all`)."""
    from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
    from presidio_analyzer import predefined_recognizers as predefined
    from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider
    from tldextract import TLDExtract, tldextract

    # Its e-mail recognizer would fetch the public suffix list: the packaged one will do.
    tldextract.TLD_EXTRACTOR = TLDExtract(suffix_list_urls=())

    if which == "default":
        loaded = RecognizerRegistryProvider().create_recognizer_registry().recognizers
        kept = [r for r in loaded if r.supported_language == "en"]
    else:
        classes = [c for _, c in inspect.getmembers(predefined, inspect.isclass)]
        kept = [
            c(supported_language="en") for c in classes
            if issubclass(c, PatternRecognizer) and c is not PatternRecognizer
        ] + [predefined.PhoneRecognizer(supported_language="en")]
    kinds = (PatternRecognizer, predefined.PhoneRecognizer)
    kept = [r for r in kept if isinstance(r, kinds) and is_asked(r)]
    registry = RecognizerRegistry(recognizers=kept, supported_languages=["en"])
    analyzer = AnalyzerEngine(
        registry=registry, nlp_engine=blank_engine(), supported_languages=["en"]
    )
    print(f"presidio {which}: {len(kept)} recognizers", file=sys.stderr)

    def redact(text, context):
        found = analyzer.analyze(
            text, language="en", score_threshold=threshold, context=[w.lower() for w in context]
        )
        taken = []
        for hit in sorted(found, key=lambda r: (-r.score, r.start - r.end)):
            if all(hit.end <= other.start or hit.start >= other.end for other in taken):
                taken.append(hit)
        for hit in sorted(taken, key=lambda r: -r.start):
            text = f"{text[:hit.start]}<{hit.entity_type}>{text[hit.end:]}"
        return text

    return redact


def pii_filter():
    """ContextForge's detector with every type on, as its plugin's manifest has it."""
    from cpex_pii_filter import PIIDetectorRust

    kinds = (
        "ssn bsn credit_card email phone ip_address date_of_birth passport driver_license "
        "bank_account medical_record"
    ).split()
    return PIIDetectorRust({f"detect_{kind}": True for kind in kinds})


def pii_filter_text():
    detector = pii_filter()

    def redact(text, _):
        found = detector.detect(text)
        return detector.mask(text, found) if found else text

    return redact


def as_shipped(detector):
    def run(message):
        _, out, _ = detector.process_nested(json.loads(message), "")
        return json.dumps(out, ensure_ascii=False)

    return run


def deep(redact):
    return lambda message: write(walk(parse(message), redact))


RUNS = {
    "presidio-default-0-shipped": lambda: (lambda r: lambda m: r(m, ()))(presidio("default", 0)),
    "presidio-default-0": lambda: deep(presidio("default", 0)),
    "presidio-default-0.35": lambda: deep(presidio("default", 0.35)),
    "presidio-all-0": lambda: deep(presidio("all", 0)),
    "presidio-all-0.35": lambda: deep(presidio("all", 0.35)),
    "pii-filter-shipped": lambda: as_shipped(pii_filter()),
    "pii-filter": lambda: deep(pii_filter_text()),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--run", action="append", choices=RUNS, help="default: all")
    arguments = parser.parse_args()
    messages = [
        json.loads(line)["message"]
        for line in arguments.corpus.read_text(encoding="utf-8").split("\n") if line
    ]
    size = sum(len(message.encode()) for message in messages)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.run or RUNS:
        redact = RUNS[name]()
        redact(messages[0])
        begun = time.process_time()
        # A raw line break would end the line: only raw-text runs could make one, and JSON
        # allows none in a string.
        lines = [redact(message).replace("\n", " ") for message in messages]
        spent = time.process_time() - begun
        path = arguments.out / f"{name}.jsonl"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{name}: {size / spent / 1e6:.3f} MB/s of one core, {spent:.1f} s")


if __name__ == "__main__":
    main()
