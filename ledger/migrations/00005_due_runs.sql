-- What was due, and when: for a month that a server missed, or in which a card was declined.

-- +goose Up

-- Nobody owes the months before this. Those who are here already count from now on.
ALTER TABLE subscriptions ADD COLUMN added timestamptz NOT NULL DEFAULT now();

-- A row for each billing period that a due run has billed, and for the first that a schedule will.
CREATE TABLE due_runs (
    period text COLLATE "C" PRIMARY KEY CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    begun  timestamptz, -- when its last due run began, by this database's clock
    due    timestamptz  -- the logical due time of the last one that left nothing to do
);
