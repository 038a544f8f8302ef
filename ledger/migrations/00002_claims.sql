-- What modes need besides the ledger: claims on invoices, and fencing tokens.

-- +goose Up

-- A claim gives one server the right to charge an invoice, until lease_until by this database's
-- clock. The entries record whether the invoice is charged.
CREATE TABLE claims (
    subscription   text COLLATE "C" NOT NULL CHECK (subscription <> ''),
    period         text COLLATE "C" NOT NULL CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    generation     bigint NOT NULL,      -- number of times it was taken
    owner          text NOT NULL,        -- random, so a repeated call finds its own claim
    lease_until    timestamptz NOT NULL, -- infinity: never taken over
    -- The only PaymentIntent that may be confirmed for this invoice; replaced only once canceled.
    payment_intent text COLLATE "C" UNIQUE CHECK (payment_intent <> ''),
    declines       int NOT NULL DEFAULT 0,
    next_attempt   timestamptz NOT NULL DEFAULT '-infinity',
    declined_card  text,                 -- the last payment method that was declined
    PRIMARY KEY (period, subscription)
);

-- The highest fencing token issued for an invoice.
CREATE TABLE fences (
    subscription text COLLATE "C" NOT NULL,
    period       text COLLATE "C" NOT NULL,
    token        bigint NOT NULL,
    PRIMARY KEY (period, subscription)
);
