-- The keys of the orders that were there before 0018, a few at a time: who changes one meanwhile waits for no more.
-- depends: 0018_order_keys
-- transactional: false

CREATE OR REPLACE PROCEDURE keep_keys_of_older_orders() LANGUAGE plpgsql AS $$
DECLARE
    last uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    WHILE last IS NOT NULL LOOP
        WITH few AS (SELECT * FROM jobs WHERE job_id > last ORDER BY job_id LIMIT 2000),
        kept AS (
            INSERT INTO order_keys (job_id, ticket, session_id, payment_intent, address, created_at)
            SELECT job_id, ticket, session_id, payment_intent, lower(email), created_at FROM few
            ON CONFLICT DO NOTHING
        )
        SELECT max(job_id::text COLLATE "C")::uuid INTO last FROM few;
        COMMIT;
    END LOOP;
END $$;
CALL keep_keys_of_older_orders();
DROP PROCEDURE keep_keys_of_older_orders();
