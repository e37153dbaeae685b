-- Indexes on tables that may be large, made while others write. Run again after a crash: half-made ones go first.
-- depends: 0008_books_of_before
-- transactional: false

-- Only what is underway is counted often; who is asleep or settled never stands in this index.
DROP INDEX IF EXISTS jobs_underway;
CREATE INDEX CONCURRENTLY jobs_underway ON jobs (stage)
    WHERE stage IN ('checkout', 'submit', 'watch', 'fetch', 'refund', 'announce');

-- Events that came before the payment that they are about.
DROP INDEX IF EXISTS stripe_events_early;
CREATE INDEX CONCURRENTLY stripe_events_early ON stripe_events (payment_intent) WHERE job_id IS NULL;
