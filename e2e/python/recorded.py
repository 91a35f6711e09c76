"""Recorded replies of real providers, played by the upstream: which there are, and what came of them."""

import json
import urllib.request
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache

from conftest import UPSTREAM

# Enough to keep two cores busy; the SDKs are not, while they wait.
AT_ONCE = 4


def call(path, data=None):
    body = None if data is None else json.dumps(data).encode()
    with urllib.request.urlopen(urllib.request.Request(UPSTREAM + path, data=body), timeout=60) as answer:
        return json.load(answer)


@cache
def listed():
    """`recordings`, their `apis`, and the exceptions of answers that are `relayed`. Without a corpus there are none."""
    return call("/__recordings")


class Raised(Exception):
    """What an SDK tells of an error without raising one."""

    def __init__(self, message, status=None):
        super().__init__(message)
        self.message, self.status = message, status


@dataclass
class Count:
    equal: int = 0
    excepted: int = 0
    failed: int = 0


@dataclass
class Outcome:
    """What one SDK made of all recordings."""

    counts: dict = field(default_factory=lambda: defaultdict(Count))
    reasons: Counter = field(default_factory=Counter)
    failures: list = field(default_factory=list)


def replay(client, whole, streamed, error_of, excepted):
    """Every recording, read by `whole(model)` and `streamed(model)` of an SDK whose dialect is `client`.

    A reply in the SDK's own dialect is relayed, so it is asked for in the form that was recorded; others in both.
    `error_of` tells `(status, message)` of what the SDK raised, or None. `excepted` are `(check, ids, why)` of this SDK.
    """
    asked = []
    for recording in listed()["recordings"]:
        forms = [recording["streamed"]] if recording["dialect"] == client else [False, True]
        asked += [(recording, form) for form in forms]

    def told(one):
        recording, stream = one
        model = recording["model"].replace("#", "%23") if client == "gemini" else recording["model"]
        try:
            answer = (streamed if stream else whole)(model)
        except Exception as error:  # whatever an SDK raises is what its user sees
            known = error_of(error)
            if known is None:
                return {"id": recording["id"], "client": client, "broken": f"{type(error).__name__}: {error}"}
            answer = {"error": {"status": known[0], "message": known[1]}}
        return {"id": recording["id"], "client": client, **answer}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(told, asked))
    outcome = Outcome()
    for (recording, stream), answer, found in zip(asked, answers, call("/__judge", answers)):
        verdicts = [(f, f["why"] or reason(excepted, recording["id"], f["check"])) for f in found]
        count = outcome.counts[recording["api"]]
        if any(why is None for _, why in verdicts):
            count.failed += 1
        elif verdicts:
            count.excepted += 1
        else:
            count.equal += 1
        for finding, why in verdicts:
            if why:
                outcome.reasons[why] += 1
            else:
                form = "streamed" if stream else "whole"
                what = f"{recording['api']} {recording['id']} {form} {finding['check']}: {finding['what'][:500]}"
                outcome.failures.append(what)
    return outcome


def reason(excepted, id, check):
    return next((why for of, ids, why in excepted if of == check and id in ids), None)


def table(outcomes):
    """Counts of each interface and SDK: equal, and `+` what differs and may."""
    lines = [f"{'recorded interface':<29}" + "".join(f"{name:>18}" for name in outcomes)]
    total = {name: Count() for name in outcomes}
    for api in listed()["apis"]:
        cells = ""
        for name, outcome in outcomes.items():
            count = outcome.counts[api]
            cells += f"{cell(count):>18}"
            for part in vars(count):
                setattr(total[name], part, getattr(total[name], part) + getattr(count, part))
        lines.append(f"{api:<29}{cells}")
    lines.append(f"{'all':<29}" + "".join(f"{cell(total[name]):>18}" for name in outcomes))
    for name, outcome in outcomes.items():
        lines += [f"  {name}: {times} times: {why}" for why, times in outcome.reasons.items()]
    return lines


def cell(count):
    more = f"+{count.excepted}" if count.excepted else ""
    return f"{count.equal}{more}" + (f" FAILED {count.failed}" if count.failed else "")
