-- A ledger that has forgotten something, as a restored backup has, is charged from again only after
-- reconcile has restored what Stripe knows.

-- +goose Up

-- Billing periods that must be reconciled before any server charges, or were.
CREATE TABLE reconcile_first (
    period text COLLATE "C" PRIMARY KEY CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    done   boolean NOT NULL DEFAULT false
);

-- Where this ledger was used: a new row means that it was restored or copied to another place.
CREATE TABLE places (
    place text PRIMARY KEY -- Postgres' system identifier, and the OID of the table entries
);
