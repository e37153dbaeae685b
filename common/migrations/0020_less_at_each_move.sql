-- What every move of an order wrote and nobody needs. Run again after a crash: half-made indexes go first.
-- depends: 0019_older_orders
-- transactional: false

-- order_keys stands in for these.
DROP INDEX CONCURRENTLY IF EXISTS jobs_ticket;
DROP INDEX CONCURRENTLY IF EXISTS jobs_addresses;
ALTER TABLE jobs DROP CONSTRAINT IF EXISTS jobs_session_id_key;
ALTER TABLE jobs DROP CONSTRAINT IF EXISTS jobs_payment_intent_key;

-- The history is made of rows of jobs, which stay (0018); a delivery has an attempt, and that one a job.
ALTER TABLE job_events DROP CONSTRAINT IF EXISTS job_events_job_id_fkey;
ALTER TABLE deliveries DROP CONSTRAINT IF EXISTS deliveries_job_id_fkey;

-- One index of the history for two: it is only ever read for one order.
DROP INDEX CONCURRENTLY IF EXISTS job_events_key;
CREATE UNIQUE INDEX CONCURRENTLY job_events_key ON job_events (job_id, event_id);
ALTER TABLE job_events DROP CONSTRAINT IF EXISTS job_events_pkey,
    ADD CONSTRAINT job_events_pkey PRIMARY KEY USING INDEX job_events_key;
DROP INDEX CONCURRENTLY IF EXISTS job_events_job;

-- Mails that no stage sends, by when they are due; what is over is so for ever. One index for three, and none of a state:
-- what says in an index how a mail stands makes every other mail write all of its entries again when it is sent.
DROP INDEX CONCURRENTLY IF EXISTS mails_apart;
CREATE INDEX CONCURRENTLY mails_apart ON mails (claimed_until) WHERE kind IN ('notice', 'address', 'refunded_in_part');
UPDATE mails SET claimed_until = 'infinity'
WHERE kind IN ('notice', 'address', 'refunded_in_part') AND state NOT IN ('claimed', 'waiting');
DROP INDEX CONCURRENTLY IF EXISTS mails_told;
DROP INDEX CONCURRENTLY IF EXISTS mails_due;
DROP INDEX CONCURRENTLY IF EXISTS mails_notices;

-- Room for a row's second version beside its first: it then needs no new entries in the indexes.
ALTER TABLE deliveries SET (fillfactor = 45);
ALTER TABLE links SET (fillfactor = 50);
ALTER TABLE mails SET (fillfactor = 50);

-- An attempt has no id at the provider when it is claimed. (0021 drops what this stands in for.)
DROP INDEX CONCURRENTLY IF EXISTS attempts_provider;
CREATE UNIQUE INDEX CONCURRENTLY attempts_provider ON attempts (provider_id) WHERE provider_id IS NOT NULL;
