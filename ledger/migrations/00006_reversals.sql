-- A refund may succeed, and fail days later. Its entry stays; a reversal takes it back.

-- +goose Up

-- NOT VALID: the old rows satisfy what was stricter, so the table need not be read under a lock.
ALTER TABLE entries
    DROP CONSTRAINT charge_adds_refund_takes,
    ADD CONSTRAINT charge_adds_refund_takes CHECK (
        kind = 'charge' AND refund IS NULL AND amount_minor > 0
        OR kind = 'refund' AND refund IS NOT NULL AND amount_minor < 0
        OR kind = 'reversal' AND refund IS NOT NULL AND amount_minor > 0
    ) NOT VALID;

CREATE UNIQUE INDEX entries_reversal ON entries (refund) WHERE kind = 'reversal';
