"""P8: documents set per second on one core, every kind in every language in turn; putting them into the store is not counted."""

import os
import time
from datetime import date

from activities.typesetting import KINDS, LANGUAGES, Typesetter
from tests.documents.samples import sample

ROUNDS = 5
ISSUED = date(2026, 11, 17)


def main() -> None:
    """Pin the process to one core, set every document once to warm up, then `ROUNDS` times with another case number each."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    typesetter = Typesetter()
    jobs = [(kind, language, sample(kind, language)) for kind in KINDS for language in LANGUAGES]
    seconds = dict.fromkeys(LANGUAGES, 0.0)
    for turn in range(ROUNDS + 1):
        for kind, language, facts in jobs:
            began = time.perf_counter()
            typesetter.set(kind, language, facts | {"case_id": f"AMEDIP-2026-{turn:04}"}, ISSUED)
            if turn > 0:
                seconds[language] += time.perf_counter() - began
    each = ROUNDS * len(KINDS)
    for language, spent in seconds.items():
        print(f"P8  {language}  {each / spent:6.1f} documents/s  {1000 * spent / each:5.1f} ms each")
    rate = each * len(LANGUAGES) / sum(seconds.values())
    print(f"P8  all {rate:6.1f} documents/s on one core, store excluded (goal: 100, store included)")


if __name__ == "__main__":
    main()
