-- What an order is found by, beside its id. In indexes of jobs each of them was written at every move of an order,
-- though it never changes then; here it is written when it changes. Kept by triggers, whoever writes jobs.
-- depends: 0017_one_ticket_index

CREATE TABLE order_keys (
    job_id         uuid PRIMARY KEY,
    ticket         text NOT NULL,
    session_id     text UNIQUE,
    payment_intent text UNIQUE,
    address        text,                          -- the e-mail address in lower case
    created_at     timestamptz NOT NULL
);
-- One index both for whole tickets and for their beginnings, whatever the database's collation is.
CREATE UNIQUE INDEX order_keys_ticket ON order_keys (ticket text_pattern_ops);
-- By the beginning of an address, newest first; whoever has none stands elsewhere.
CREATE INDEX order_keys_address ON order_keys (address text_pattern_ops, created_at DESC, job_id DESC)
    WHERE address IS NOT NULL;

CREATE FUNCTION keep_keys_of_new_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_keys (job_id, ticket, session_id, payment_intent, address, created_at)
    SELECT job_id, ticket, session_id, payment_intent, lower(email), created_at FROM made;
    RETURN NULL;
END $$;
CREATE TRIGGER keys_of_new_orders AFTER INSERT ON jobs REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION keep_keys_of_new_orders();

CREATE FUNCTION keep_order_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    FOR turn IN 1..2 LOOP
        UPDATE order_keys SET ticket = NEW.ticket, session_id = NEW.session_id, payment_intent = NEW.payment_intent,
            address = lower(NEW.email), created_at = NEW.created_at WHERE job_id = NEW.job_id;
        EXIT WHEN FOUND;
        -- An order of before: 0019 has not come to it yet, or just does, and then is awaited here.
        INSERT INTO order_keys (job_id, ticket, session_id, payment_intent, address, created_at)
        VALUES (NEW.job_id, NEW.ticket, NEW.session_id, NEW.payment_intent, lower(NEW.email), NEW.created_at)
        ON CONFLICT DO NOTHING;
        EXIT WHEN FOUND;
        IF turn = 2 THEN
            RAISE unique_violation USING MESSAGE = 'what order ' || NEW.job_id || ' is to be found by is another''s';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER order_keys_kept AFTER UPDATE OF ticket, session_id, payment_intent, email, created_at ON jobs
    FOR EACH ROW WHEN ((OLD.ticket, OLD.session_id, OLD.payment_intent, OLD.email, OLD.created_at)
        IS DISTINCT FROM (NEW.ticket, NEW.session_id, NEW.payment_intent, NEW.email, NEW.created_at))
    EXECUTE FUNCTION keep_order_keys();

-- Both tables, and the history, say that an order is there without a foreign key: an order is never deleted.
CREATE FUNCTION orders_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an order is never deleted and keeps its id: ./enlarger forget erases whom it was for';
END $$;
CREATE TRIGGER orders_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF job_id ON jobs
    FOR EACH STATEMENT EXECUTE FUNCTION orders_stay();
