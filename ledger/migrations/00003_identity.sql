-- The ledger's own name. Stripe's metadata, idempotency keys and the lock store have it, so that two
-- ledgers which share a Stripe account or a Redis don't take each other's for their own.

-- +goose Up

-- One row. It never changes: charges made under another ID would no longer be this ledger's. Only a
-- copy of a database, such as staging's of production, needs a new ID before it is used.
CREATE TABLE ledger_identity (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id       text NOT NULL DEFAULT 'led_' || left(replace(gen_random_uuid()::text, '-', ''), 16)
        CHECK (id ~ '^[A-Za-z0-9_-]{1,40}$')
);

INSERT INTO ledger_identity DEFAULT VALUES;
