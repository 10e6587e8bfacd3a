"""Gives each request a key of its own: the few keys that Schemathesis likes best would be refused as used before."""

import itertools
import re

import schemathesis

numbers = itertools.count()
BARE_KEY = re.compile(r"[!#-~][ -~]{0,200}")


@schemathesis.hook
def before_call(context, case, kwargs):
    key = (case.headers or {}).get("Idempotency-Key")
    # What is no key stays none.
    if isinstance(key, str) and BARE_KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key}-{next(numbers)}"
