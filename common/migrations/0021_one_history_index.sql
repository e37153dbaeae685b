-- One index of the history for two: it is only ever read for one order. Run again after a crash: half-made ones go first.
-- depends: 0020_keys_elsewhere
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS job_events_key;
CREATE UNIQUE INDEX CONCURRENTLY job_events_key ON job_events (job_id, event_id);
ALTER TABLE job_events DROP CONSTRAINT IF EXISTS job_events_pkey,
    ADD CONSTRAINT job_events_pkey PRIMARY KEY USING INDEX job_events_key;
DROP INDEX CONCURRENTLY IF EXISTS job_events_job;
