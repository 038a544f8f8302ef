"""Creates what its standard input asks for, a line each, through Stripe's own client: create.py URL."""

import json
import sys

import stripe

stripe.api_base, stripe.api_key = sys.argv[1], "sk_test_python"
for line in sys.stdin:
    kind, params = json.loads(line)
    made = getattr(stripe, kind).create(**(params or {}))
    print(made.get("latest_charge") or made.id, flush=True)
