-- The ledger: who owes what, and what was charged and refunded.
--
-- Table names have no schema, so each ledger lives in the search_path of its URL. There is no down
-- migration: no tool should drop what a ledger remembers.

-- +goose Up

CREATE TABLE subscriptions (
    -- COLLATE "C" sorts IDs by bytes, as Go does: the pages of a due run must not depend on a
    -- server's locale.
    id             text COLLATE "C" PRIMARY KEY,
    customer       text NOT NULL CHECK (customer <> ''),
    payment_method text NOT NULL CHECK (payment_method <> ''),
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    currency       text NOT NULL CHECK (currency ~ '^[a-z]{3}$')
);

CREATE TABLE entries (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text NOT NULL,
    -- No foreign key: a charge happened, even if its subscription is gone or never existed here.
    subscription   text COLLATE "C" NOT NULL CHECK (subscription <> ''),
    -- The month as written everywhere else: in lock keys, idempotency keys, Stripe's metadata and
    -- output. A date would need a meaningless day, and a rule to choose it.
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

-- One entry per PaymentIntent and one per refund, so recording twice is safe.
CREATE UNIQUE INDEX entries_charge ON entries (payment_intent) WHERE kind = 'charge';
CREATE UNIQUE INDEX entries_refund ON entries (refund) WHERE kind = 'refund';

-- Deliberately not unique. A unique index would look like the cure, but only hide the disease: the
-- card would still be charged three times, with a single entry. The ledger records what happened;
-- it can't refuse it.
--
-- The period comes first, for the audit of a period; lookups of a charge use both columns.
CREATE INDEX entries_invoice ON entries (period, subscription);

-- +goose StatementBegin
CREATE FUNCTION refuse_entry_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING HINT = 'Correct an entry by adding another, such as a refund.';
END $$;
-- +goose StatementEnd

-- FOR EACH STATEMENT also refuses TRUNCATE, and statements that match no row.
CREATE TRIGGER entries_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_entry_change();
