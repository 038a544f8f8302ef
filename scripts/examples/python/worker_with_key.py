#!/usr/bin/python3
"""Like worker.py, with the invoice as the idempotency key: Stripe charges it once, for a day."""

import os

import stripe

stripe.api_base, stripe.api_key = os.environ["STRIPE_API_BASE"], os.environ["STRIPE_SECRET_KEY"]

for customer in stripe.Customer.list().auto_paging_iter():
    stripe.PaymentIntent.create(
        amount=1000,
        currency="usd",
        customer=customer.id,
        payment_method=customer.invoice_settings.default_payment_method,
        metadata={"invoice": customer.name + "/2026-12"},
        confirm=True,
        off_session=True,
        idempotency_key=customer.name + "/2026-12",
    )
