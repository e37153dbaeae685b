-- The books, disputes, and refunds that others made.
-- depends: 0004_admin 0005_picture

-- Double entry: one row moves one amount from the account `credit` to the account `debit`. A fact is booked once.
-- Nothing refers to `jobs`: the books outlive what is forgotten about people.
CREATE TABLE ledger (
    job_id         uuid NOT NULL,
    fact           text NOT NULL,                 -- names what happened, within its job: charge:pi_…, provider_cost:1
    at             timestamptz NOT NULL DEFAULT now(),
    kind           text NOT NULL CHECK (kind IN ('charge', 'fee', 'refund', 'dispute', 'provider_cost', 'adjustment')),
    debit          text NOT NULL,
    credit         text NOT NULL,
    amount_cents   bigint NOT NULL CHECK (amount_cents > 0),
    currency       text NOT NULL,
    payment_intent text,
    PRIMARY KEY (job_id, fact),
    CHECK (debit <> credit)
);
CREATE INDEX ledger_at ON ledger USING brin (at);

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: book a correcting entry instead';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

-- A dispute gates the refunds of its job while it is open. `state` is Stripe's; it only moves forward.
CREATE TABLE disputes (
    dispute_id     text PRIMARY KEY,
    job_id         uuid NOT NULL REFERENCES jobs,
    payment_intent text,
    state          text NOT NULL,
    amount_cents   integer NOT NULL CHECK (amount_cents >= 0),
    currency       text NOT NULL,
    reason         text NOT NULL,
    due_by         timestamptz,
    evidence       text NOT NULL DEFAULT '',
    opened_at      timestamptz NOT NULL DEFAULT now(),
    closed_at      timestamptz
);
CREATE INDEX disputes_job ON disputes (job_id);

-- `origin`: ours, or made elsewhere (Stripe's dashboard). `moved`: money has left the balance for it, whatever came
-- after. `ordered_by`: the person who wanted it; `returns_to`: the stage that the job goes back to after it.
ALTER TABLE refunds
    ADD COLUMN origin text NOT NULL DEFAULT 'ours' CHECK (origin IN ('ours', 'elsewhere')),
    ADD COLUMN payment_intent text,
    ADD COLUMN moved boolean NOT NULL DEFAULT false,
    ADD COLUMN ordered_by text,
    ADD COLUMN returns_to text;
DROP INDEX refunds_one_open;
CREATE UNIQUE INDEX refunds_one_open ON refunds (job_id)
    WHERE origin = 'ours' AND state IN ('claimed', 'pending', 'requires_action');

-- An order that was paid twice: the second payment is no part of the job's charge, and is given back by a person.
CREATE TABLE further_payments (
    payment_intent text PRIMARY KEY,
    job_id         uuid NOT NULL REFERENCES jobs,
    amount_cents   integer NOT NULL,
    at             timestamptz NOT NULL DEFAULT now()
);

-- Events that came before the payment that they are about wait for it under its name.
ALTER TABLE stripe_events ADD COLUMN payment_intent text;

-- Refunds are few; what is as many as jobs is booked by 0008, which holds no table.
UPDATE refunds r SET moved = r.state = 'succeeded', payment_intent = j.payment_intent
FROM jobs j WHERE j.job_id = r.job_id;
