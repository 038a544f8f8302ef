-- The ledger: who pays what, and what was charged and refunded.
--
-- Tables are named without a schema, so that each ledger lives where the search_path of its URL
-- points. There is no way down: what a ledger remembers is not for a tool to drop.

-- +goose Up

CREATE TABLE subscriptions (
    -- COLLATE "C" orders IDs by their bytes, as Go compares strings, on every machine: the pages
    -- of a due run must not depend on a server's locale.
    id             text COLLATE "C" PRIMARY KEY,
    customer       text NOT NULL CHECK (customer <> ''),
    payment_method text NOT NULL CHECK (payment_method <> ''),
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    currency       text NOT NULL CHECK (currency ~ '^[a-z]{3}$')
);

CREATE TABLE entries (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text NOT NULL,
    -- No foreign key: a charge happened, also if its subscription is gone or was never here.
    subscription   text COLLATE "C" NOT NULL CHECK (subscription <> ''),
    -- The month as every other place writes it: lock keys, idempotency keys, Stripe's metadata,
    -- output. A date would need a day that means nothing, and a rule for which day it is.
    period         text COLLATE "C" NOT NULL CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    payment_intent text COLLATE "C" NOT NULL CHECK (payment_intent <> ''),
    refund         text COLLATE "C" CHECK (refund <> ''),
    amount_minor   bigint NOT NULL,
    currency       text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    recorded_by    text NOT NULL CHECK (recorded_by <> ''),
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    -- The sum of an invoice's entries is what the customer has paid for it.
    CONSTRAINT charge_adds_refund_takes CHECK (
        kind = 'charge' AND refund IS NULL AND amount_minor > 0
        OR kind = 'refund' AND refund IS NOT NULL AND amount_minor < 0
    )
);

-- One entry a PaymentIntent, one a refund: recording twice is safe.
CREATE UNIQUE INDEX entries_charge ON entries (payment_intent) WHERE kind = 'charge';
CREATE UNIQUE INDEX entries_refund ON entries (refund) WHERE kind = 'refund';

-- Deliberately not unique. A unique index here would look like the cure, and only hide the
-- disease: the card would still be charged three times, behind a single entry. The ledger says
-- what happened; it doesn't get to refuse it.
--
-- The period goes first, for the audit of one; a charge is looked up by both.
CREATE INDEX entries_invoice ON entries (period, subscription);

-- +goose StatementBegin
CREATE FUNCTION refuse_entry_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING HINT = 'Correct an entry by adding another, such as a refund.';
END $$;
-- +goose StatementEnd

-- For each statement, not for each row: it refuses also what would match no row, and TRUNCATE.
CREATE TRIGGER entries_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_entry_change();
