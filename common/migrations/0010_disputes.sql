-- What a dispute does to the link stands on its row; a refund's key may be replaced; mails that no stage waits for.
-- depends: 0012_operations 0014_people
-- transactional: false

-- `revokes`: REVOKE_ON_DISPUTE as it was when the dispute was told. The link is dead while it is open, and once lost.
ALTER TABLE disputes ADD COLUMN IF NOT EXISTS revokes boolean NOT NULL DEFAULT false;
UPDATE disputes d SET revokes = true
WHERE state NOT LIKE 'warning%' AND NOT EXISTS (SELECT FROM links l WHERE l.job_id = d.job_id AND l.revoked_at IS NULL);

-- `key_number`: which of the keys that are made of `idempotency_key` is used; `key_spent`: Stripe keeps an error of its
-- own under that one, and would answer nothing else.
ALTER TABLE refunds ADD COLUMN IF NOT EXISTS key_number integer NOT NULL DEFAULT 1;
ALTER TABLE refunds ADD COLUMN IF NOT EXISTS key_spent boolean NOT NULL DEFAULT false;

-- (`mails_due` serves the version before.)
DROP INDEX IF EXISTS mails_told;
CREATE INDEX CONCURRENTLY mails_told ON mails (claimed_until)
    WHERE kind IN ('notice', 'address', 'refunded_in_part') AND state IN ('claimed', 'waiting');
