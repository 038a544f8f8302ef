"""Bills a customer through Stripe's own client: charge.py URL."""

import http.server
import queue
import sys
import threading

import stripe

stripe.api_base, stripe.api_key, stripe.max_network_retries = sys.argv[1], "sk_test_python", 0


def refusal(call, *args, **params):
    try:
        made = call(*args, **params)
    except stripe.error.StripeError as e:
        return e
    sys.exit(f"{call.__qualname__} answered {made}")


def want(got, expected):
    if got != expected:
        sys.exit(f"got {got!r}, want {expected!r}")


# A webhook endpoint, which checks what it is sent.
events = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            events.put(stripe.Webhook.construct_event(
                body, self.headers["Stripe-Signature"], endpoint.secret
            ))
        except Exception as e:
            events.put(e)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
endpoint = stripe.WebhookEndpoint.create(
    url=f"http://127.0.0.1:{receiver.server_port}/", enabled_events=["payment_intent.succeeded"]
)

# Create, then confirm; the same call under the same key is a replay.
alice = stripe.Customer.create(name="Alice", metadata={"team": "billing"})
card = stripe.PaymentMethod.attach("pm_card_visa", customer=alice.id)
intent = stripe.PaymentIntent.create(
    amount=1000, currency="usd", customer=alice.id, payment_method=card.id
)
want(intent.status, "requires_confirmation")
paid = stripe.PaymentIntent.confirm(intent.id, off_session=True, idempotency_key="alice/2026-12")
want((paid.status, paid.amount_received), ("succeeded", 1000))
event = events.get(timeout=30)
if isinstance(event, Exception):
    raise event
want((event.type, event.data.object.id), ("payment_intent.succeeded", intent.id))
again = stripe.PaymentIntent.confirm(intent.id, off_session=True, idempotency_key="alice/2026-12")
want(again, paid)
want(again.last_response.headers["Idempotent-Replayed"], "true")
other = refusal(stripe.PaymentIntent.confirm, intent.id, idempotency_key="alice/2026-12")
want((type(other), other.http_status), (stripe.error.IdempotencyError, 400))
late = refusal(stripe.PaymentIntent.confirm, intent.id, off_session=True)
want((late.code, late.error.payment_intent.status), ("payment_intent_unexpected_state", "succeeded"))

# A card that declines. Python's client writes booleans as True.
broke = stripe.PaymentMethod.attach("pm_card_chargeCustomerFail", customer=alice.id)
once = dict(
    amount=500, currency="usd", customer=alice.id, payment_method=broke.id,
    confirm=True, off_session=True, idempotency_key="alice/decline",
)
for replayed in (None, "true"):
    declined = refusal(stripe.PaymentIntent.create, **once)
    want((type(declined), declined.code), (stripe.error.CardError, "card_declined"))
    want(declined.headers.get("Idempotent-Replayed"), replayed)
want(declined.error.payment_intent.status, "requires_payment_method")

# Refund, twice in part and once too much.
for amount in (400, 600):
    want(stripe.Refund.create(payment_intent=intent.id, amount=amount).status, "succeeded")
want(refusal(stripe.Refund.create, payment_intent=intent.id).code, "charge_already_refunded")
want(stripe.Charge.retrieve(paid.latest_charge).refunded, True)

# Lists, a page at a time.
pages = stripe.PaymentIntent.list(customer=alice.id, limit=1)
want([i.status for i in pages.auto_paging_iter()], ["requires_payment_method", "succeeded"])
want(sum(r.amount for r in stripe.Refund.list(charge=paid.latest_charge)), 1000)
want(refusal(stripe.Customer.retrieve, "cus_x").http_status, 404)
