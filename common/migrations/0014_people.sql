-- Customers who correct their address, orders whose personal data is erased, and what a catalogue shows of a picture.
-- Run again after a crash: half-made indexes go first.
-- depends: 0009_indexes
-- transactional: false

-- One row is one wish of a customer to be written to elsewhere. It counts when it is confirmed from there.
CREATE TABLE IF NOT EXISTS address_wishes (
    job_id       uuid NOT NULL REFERENCES jobs,
    number       integer NOT NULL CHECK (number >= 1),  -- the newest of its job is the one that can be confirmed
    address      text NOT NULL,
    token_hash   bytea NOT NULL UNIQUE,                 -- of what the mail to that address leads to
    asked_at     timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    confirmed_at timestamptz,
    PRIMARY KEY (job_id, number)
);

-- Whose erasure was asked for before it was settled, and whose personal data is gone.
ALTER TABLE jobs ADD COLUMN IF NOT EXISTS forget_asked_at timestamptz;
ALTER TABLE jobs ADD COLUMN IF NOT EXISTS forgotten_at timestamptz;

-- What a shop page shows; NULL where the operator's file does not say.
ALTER TABLE pictures ADD COLUMN IF NOT EXISTS title text;
ALTER TABLE pictures ADD COLUMN IF NOT EXISTS thumbnail_url text;

-- Which orders are somebody's, and which are to be forgotten next.
DROP INDEX IF EXISTS jobs_to_forget;
CREATE INDEX CONCURRENTLY jobs_to_forget ON jobs (settled_at)
    WHERE settled_at IS NOT NULL AND forgotten_at IS NULL;
DROP INDEX IF EXISTS jobs_asked_to_forget;
CREATE INDEX CONCURRENTLY jobs_asked_to_forget ON jobs (forget_asked_at)
    WHERE forget_asked_at IS NOT NULL AND forgotten_at IS NULL;

-- Mails that no stage sends: notices, and those that confirm an address. (`mails_notices` serves the version before.)
DROP INDEX IF EXISTS mails_due;
CREATE INDEX CONCURRENTLY mails_due ON mails (claimed_until)
    WHERE kind IN ('notice', 'address') AND state IN ('claimed', 'waiting');

-- What Stripe tells of people is kept as long as anything else about them; NULL: it still says all that it said.
ALTER TABLE stripe_events ADD COLUMN IF NOT EXISTS redacted_at timestamptz;
DROP INDEX IF EXISTS stripe_events_alone;
CREATE INDEX CONCURRENTLY stripe_events_alone ON stripe_events (received_at)
    WHERE job_id IS NULL AND redacted_at IS NULL;
