-- The job's life, the intents of every outside effect, and what each of them answered.
-- depends:

CREATE TABLE uploads (
    upload_id   text PRIMARY KEY,
    file_key    text NOT NULL,
    media_type  text NOT NULL,
    width       integer NOT NULL CHECK (width > 0),
    height      integer NOT NULL CHECK (height > 0),
    file_size   bigint NOT NULL CHECK (file_size > 0),
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- The image catalogue: imported by the operator, or remembered from WordPress's media route.
CREATE TABLE pictures (
    attachment_id bigint PRIMARY KEY,
    source_url    text NOT NULL,
    width         integer NOT NULL CHECK (width > 0),
    height        integer NOT NULL CHECK (height > 0),
    origin        text NOT NULL CHECK (origin IN ('imported', 'wordpress')),
    fetched_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE button_clicks (
    day           date NOT NULL DEFAULT current_date,
    attachment_id bigint NOT NULL,
    post_id       bigint NOT NULL,
    clicks        bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (day, attachment_id, post_id)
);

CREATE TABLE jobs (
    job_id          uuid PRIMARY KEY,
    ticket          text NOT NULL UNIQUE,
    status          text NOT NULL CHECK (status IN ('awaiting_payment', 'pending', 'processing', 'completed',
                                                    'failed', 'refunded', 'abandoned')),
    stage           text NOT NULL CHECK (stage IN ('checkout', 'submit', 'watch', 'fetch', 'refund', 'announce',
                                                   'remind', 'keep', 'settled')),
    version         integer NOT NULL DEFAULT 1,   -- counts every change of the row but the clock's
    wake_at         timestamptz,
    wakes           integer NOT NULL DEFAULT 0,   -- wake-ups since the stage last made progress
    tries           integer NOT NULL DEFAULT 0,   -- transient failures in this stage
    attempt         integer NOT NULL DEFAULT 0,   -- the submission that this stage is about
    attempts_base   integer NOT NULL DEFAULT 0,   -- attempts made before the last decision of a person
    promise_at      timestamptz,
    hold_reason     text,
    review_at       timestamptz,
    failure_reason  text,
    failure_detail  text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    paid_at         timestamptz,
    completed_at    timestamptz,
    failed_at       timestamptz,
    settled_at      timestamptz,

    source_kind     text NOT NULL CHECK (source_kind IN ('catalogue', 'upload', 'url')),
    source_url      text NOT NULL,
    upload_id       text REFERENCES uploads,
    attachment_id   bigint,
    post_id         bigint,
    source_width    integer NOT NULL CHECK (source_width > 0),
    source_height   integer NOT NULL CHECK (source_height > 0),
    factor          smallint NOT NULL CHECK (factor BETWEEN 1 AND 16),

    amount_cents    integer NOT NULL CHECK (amount_cents >= 0),
    currency        text NOT NULL,
    credits         integer NOT NULL CHECK (credits >= 0),
    cost_cents      integer NOT NULL CHECK (cost_cents >= 0),
    markup_percent  numeric NOT NULL,
    session_id      text UNIQUE,
    checkout_url    text,
    payment_intent  text UNIQUE,
    charged_cents   integer NOT NULL DEFAULT 0 CHECK (charged_cents >= 0),
    refunded_cents  integer NOT NULL DEFAULT 0 CHECK (refunded_cents >= 0),

    email           text,
    locale          text NOT NULL DEFAULT 'en',
    return_url      text,
    traceparent     text,

    -- Promise 4: an unsettled job always has an instant at which it wakes by itself.
    CONSTRAINT unsettled_jobs_wake CHECK (settled_at IS NOT NULL OR wake_at IS NOT NULL),
    CONSTRAINT settled_is_a_stage CHECK ((stage = 'settled') = (settled_at IS NOT NULL))
);
CREATE INDEX jobs_due ON jobs (wake_at) WHERE settled_at IS NULL;
CREATE INDEX jobs_completed ON jobs (completed_at) WHERE completed_at IS NOT NULL;  -- how long orders take

-- The history, written in the same transaction as each change.
CREATE TABLE job_events (
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id      uuid NOT NULL REFERENCES jobs,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text NOT NULL,
    kind        text NOT NULL,
    from_stage  text,
    to_stage    text,
    detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX job_events_job ON job_events (job_id, event_id);

-- One row is one submission to the provider (it may be tried again only while it was surely not accepted).
CREATE TABLE attempts (
    job_id          uuid NOT NULL REFERENCES jobs,
    attempt         integer NOT NULL CHECK (attempt >= 1),
    state           text NOT NULL CHECK (state IN ('claimed', 'waiting', 'open', 'unknown', 'succeeded', 'failed')),
    claim_no        integer NOT NULL DEFAULT 1,
    claimed_until   timestamptz NOT NULL,
    answered_at     timestamptz,
    submitted_at    timestamptz,
    ended_at        timestamptz,
    hinted_at       timestamptz,                 -- the provider's webhook spoke of it
    provider_id     text UNIQUE,
    provider_status text,
    result_url      text,
    result_until    timestamptz,
    credits         integer,
    error           text,
    admin_override  boolean NOT NULL DEFAULT false,
    request_id      text,
    PRIMARY KEY (job_id, attempt)
);
CREATE INDEX attempts_in_flight ON attempts (job_id) WHERE ended_at IS NULL;

-- One row is one try to fetch, check and store a result: the key of its files is known before they exist.
CREATE TABLE deliveries (
    job_id          uuid NOT NULL REFERENCES jobs,
    attempt         integer NOT NULL,
    claim_no        integer NOT NULL,
    claimed_until   timestamptz NOT NULL,
    file_key        text NOT NULL UNIQUE,
    stored_at       timestamptz,
    removed_at      timestamptz,                 -- committed before the file is deleted
    file_size       bigint,
    sha256          text,
    media_type      text,
    width           integer,
    height          integer,
    PRIMARY KEY (job_id, attempt, claim_no),
    FOREIGN KEY (job_id, attempt) REFERENCES attempts
);

-- Download links: only the hash of a token is stored (promise 6).
CREATE TABLE links (
    token_hash      bytea PRIMARY KEY,
    job_id          uuid NOT NULL REFERENCES jobs,
    generation      integer NOT NULL,
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    downloads       integer NOT NULL DEFAULT 0,
    last_download_at timestamptz,
    UNIQUE (job_id, generation)
);

CREATE TABLE refunds (
    refund_id       uuid PRIMARY KEY,
    job_id          uuid NOT NULL REFERENCES jobs,
    number          integer NOT NULL CHECK (number >= 1),
    state           text NOT NULL CHECK (state IN ('claimed', 'pending', 'requires_action', 'succeeded', 'failed')),
    amount_cents    integer NOT NULL CHECK (amount_cents > 0),
    reason          text NOT NULL,
    idempotency_key text NOT NULL UNIQUE,
    claim_no        integer NOT NULL DEFAULT 1,
    claimed_until   timestamptz NOT NULL,
    answered_at     timestamptz,
    stripe_refund   text UNIQUE,
    error           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (job_id, number)
);
CREATE UNIQUE INDEX refunds_one_open ON refunds (job_id) WHERE state IN ('claimed', 'pending', 'requires_action');

-- One row is one mail: unique by its kind, the row it is about, and its number.
CREATE TABLE mails (
    mail_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text NOT NULL,
    about           text NOT NULL,
    number          integer NOT NULL DEFAULT 1,
    job_id          uuid REFERENCES jobs,
    state           text NOT NULL CHECK (state IN ('claimed', 'waiting', 'sent', 'failed')),
    claim_no        integer NOT NULL DEFAULT 1,
    claimed_until   timestamptz NOT NULL,
    answered_at     timestamptz,
    message_id      text NOT NULL UNIQUE,
    error           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, about, number)
);
CREATE INDEX mails_job ON mails (job_id);

-- Stripe's events: recorded in the transaction that acts on them.
CREATE TABLE stripe_events (
    event_id    text PRIMARY KEY,
    type        text NOT NULL,
    job_id      uuid REFERENCES jobs,
    outcome     text NOT NULL,
    payload     jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stripe_events_job ON stripe_events (job_id);

-- Needs attention: the open reasons for a person to look at a job.
CREATE TABLE attention (
    attention_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id       uuid NOT NULL REFERENCES jobs,
    reason       text NOT NULL,
    detail       text NOT NULL DEFAULT '',
    opened_at    timestamptz NOT NULL DEFAULT now(),
    closed_at    timestamptz
);
CREATE UNIQUE INDEX attention_open ON attention (job_id, reason) WHERE closed_at IS NULL;
