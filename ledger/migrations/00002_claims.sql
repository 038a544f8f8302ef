-- What modes need beside the ledger: claims on invoices, and fencing tokens.

-- +goose Up

-- A claim gives one server the right to charge an invoice, until lease_until by this database's
-- clock. Whether the invoice is charged is not kept here: the entries say so.
CREATE TABLE claims (
    subscription   text COLLATE "C" NOT NULL CHECK (subscription <> ''),
    period         text COLLATE "C" NOT NULL CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    generation     bigint NOT NULL,      -- how often it has been taken
    owner          text NOT NULL,        -- random, of one taking: a repeated call knows its own
    lease_until    timestamptz NOT NULL, -- infinity: it is never taken over
    -- The one PaymentIntent that may be confirmed for this invoice. Once set, it stays.
    payment_intent text COLLATE "C" UNIQUE CHECK (payment_intent <> ''),
    declines       int NOT NULL DEFAULT 0,
    next_attempt   timestamptz NOT NULL DEFAULT '-infinity',
    declined_card  text,                 -- the payment method that was declined last
    PRIMARY KEY (period, subscription)
);

-- The highest fencing token that was issued for an invoice.
CREATE TABLE fences (
    subscription text COLLATE "C" NOT NULL,
    period       text COLLATE "C" NOT NULL,
    token        bigint NOT NULL,
    PRIMARY KEY (period, subscription)
);
