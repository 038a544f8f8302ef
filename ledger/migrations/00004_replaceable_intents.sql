-- A registered PaymentIntent is compared with what the invoice asks, before it takes money. It is
-- replaced once it is canceled, by the claim's owner only.

-- +goose Up

-- What the registered PaymentIntent asks, and of whom. NULL in a claim of an earlier version, which
-- is taken for something that no invoice asks.
ALTER TABLE claims
    ADD COLUMN intent_customer     text,
    ADD COLUMN intent_amount_minor bigint,
    ADD COLUMN intent_currency     text;
