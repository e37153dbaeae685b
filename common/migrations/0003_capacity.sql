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

-- A mail that is about no job says what is in it by itself.
ALTER TABLE mails ADD COLUMN detail jsonb;

-- Its indexes on tables that may be large stand in 0015_large_indexes: made here, they kept writers waiting.
