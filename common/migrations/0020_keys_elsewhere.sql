-- What order_keys stands in for, and foreign keys that say nothing more. Tables are locked in the order in which the
-- workers' transactions come to them: the other way round nobody would get both while there is work.
-- depends: 0019_older_orders
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS jobs_ticket;
DROP INDEX CONCURRENTLY IF EXISTS jobs_addresses;
ALTER TABLE jobs DROP CONSTRAINT IF EXISTS jobs_session_id_key;
ALTER TABLE jobs DROP CONSTRAINT IF EXISTS jobs_payment_intent_key;

-- The history is made of rows of jobs, which stay (0018).
DO $$ BEGIN
    LOCK TABLE jobs, job_events;
    ALTER TABLE job_events DROP CONSTRAINT IF EXISTS job_events_job_id_fkey;
END $$;
-- A delivery has an attempt, and that one a job.
DO $$ BEGIN
    LOCK TABLE jobs, deliveries;
    ALTER TABLE deliveries DROP CONSTRAINT IF EXISTS deliveries_job_id_fkey;
END $$;
