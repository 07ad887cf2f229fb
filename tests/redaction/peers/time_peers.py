#!/usr/bin/env python3
"""Times Presidio and pii_filter on the messages of `cargo bench --bench redaction`.

Standard input holds one message a line, each as a JSON string. For each peer one line comes back:
its name, and the seconds of one core that each message took, the best of some rounds.
"""

import json
import sys
import time

from score_peers import RUNS

# The first is how each peer is shipped; the second does what our engine does with a message.
NAMES = ["presidio-default-0-shipped", "presidio-default-0", "pii-filter-shipped", "pii-filter"]
ROUNDS = 5


def spent(redact, message):
    begun = time.process_time()
    redact(message)
    return time.process_time() - begun


def main():
    messages = [json.loads(line) for line in sys.stdin]
    for name in NAMES:
        redact = RUNS[name]()
        best = [min(spent(redact, message) for _ in range(ROUNDS)) for message in messages]
        print(name, *(f"{seconds:.9f}" for seconds in best))


if __name__ == "__main__":
    main()
