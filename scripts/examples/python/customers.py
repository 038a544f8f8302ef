#!/usr/bin/python3
"""Prepares what is billed: Alice, with the card in PAYMENT_METHOD. Run again, it replaces her card."""

import os

import stripe

stripe.api_base, stripe.api_key = os.environ["STRIPE_API_BASE"], os.environ["STRIPE_SECRET_KEY"]

found = stripe.Customer.list(limit=1).data
alice = found[0] if found else stripe.Customer.create(name="Alice")
card = stripe.PaymentMethod.attach(os.environ["PAYMENT_METHOD"], customer=alice.id)
stripe.Customer.modify(alice.id, invoice_settings={"default_payment_method": card.id})
