-- What all replicas share of the provider's limits: slot times, the queue for them, the circuit breaker.
-- depends: 0002_money

-- The next slot time of each rate that nobody was given yet.
CREATE TABLE rates (
    rate    text PRIMARY KEY,
    next_at timestamptz NOT NULL
);
INSERT INTO rates (rate, next_at) VALUES ('submits', '-infinity'), ('checks', '-infinity');

-- Orders that wait for the provider's capacity, oldest promise first. `slot_at`: it was given a place and this instant.
CREATE TABLE submit_queue (
    job_id      uuid PRIMARY KEY REFERENCES jobs,
    due_at      timestamptz NOT NULL,
    slot_at     timestamptz
);
CREATE INDEX submit_queue_order ON submit_queue (due_at, job_id);
CREATE INDEX submit_queue_given ON submit_queue (slot_at) WHERE slot_at IS NOT NULL;

-- Status checks that wait for the slot time that they were given.
CREATE TABLE check_slots (
    job_id  uuid PRIMARY KEY REFERENCES jobs,
    slot_at timestamptz NOT NULL
);

-- One row for each thing outside that may be out of order. `until`: when one call may try it again.
CREATE TABLE breakers (
    breaker   text PRIMARY KEY,
    state     text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
    failures  integer NOT NULL DEFAULT 0,         -- calls without an acceptance since the last one
    pauses    integer NOT NULL DEFAULT 0,         -- how often it has opened since it was last closed
    why       text NOT NULL DEFAULT '',
    opened_at timestamptz,
    until     timestamptz NOT NULL DEFAULT '-infinity',
    probe     uuid
);
INSERT INTO breakers (breaker) VALUES ('provider');

-- Orders that wait hold open attempts that take no place: only those that do are counted.
DROP INDEX attempts_in_flight;
CREATE INDEX attempts_in_flight ON attempts (job_id)
    WHERE ended_at IS NULL AND state IN ('claimed', 'open', 'unknown');

-- What a brake decided of a job, once: it went through, or it is held until a person (or the next period) lets it go.
CREATE TABLE passes (
    gate   text NOT NULL CHECK (gate IN ('refunds', 'budget')),
    job_id uuid NOT NULL REFERENCES jobs,
    held   boolean NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    until  timestamptz,                           -- after this it is decided anew
    PRIMARY KEY (gate, job_id)
);
CREATE INDEX passes_counted ON passes (gate, at) WHERE NOT held;
CREATE INDEX jobs_held ON jobs (hold_reason, promise_at) WHERE hold_reason IS NOT NULL;

-- What was spent in a period is counted from attempts.
CREATE INDEX attempts_spent ON attempts (submitted_at) INCLUDE (job_id, credits)
    WHERE submitted_at IS NOT NULL AND credits IS DISTINCT FROM 0;

-- A mail that is about no job says what is in it by itself.
ALTER TABLE mails ADD COLUMN detail jsonb;
CREATE INDEX mails_notices ON mails (claimed_until) WHERE kind = 'notice' AND state IN ('claimed', 'waiting');
