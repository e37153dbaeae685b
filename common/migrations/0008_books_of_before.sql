-- What was done before there were books. In a transaction of its own: the one before holds `jobs` until it ends.
-- depends: 0002_money

INSERT INTO ledger (job_id, fact, at, kind, debit, credit, amount_cents, currency, payment_intent)
SELECT job_id, 'charge:' || COALESCE(payment_intent, ''), COALESCE(paid_at, created_at), 'charge', 'stripe', 'sales',
       charged_cents, currency, payment_intent
FROM jobs WHERE charged_cents > 0
ON CONFLICT DO NOTHING;

INSERT INTO ledger (job_id, fact, at, kind, debit, credit, amount_cents, currency, payment_intent)
SELECT r.job_id, 'refund:' || r.stripe_refund, COALESCE(r.answered_at, r.created_at), 'refund', 'refunds', 'stripe',
       r.amount_cents, j.currency, r.payment_intent
FROM refunds r JOIN jobs j USING (job_id) WHERE r.moved AND r.stripe_refund IS NOT NULL
ON CONFLICT DO NOTHING;

INSERT INTO ledger (job_id, fact, at, kind, debit, credit, amount_cents, currency)
SELECT a.job_id, 'provider_cost:' || a.attempt, a.ended_at, 'provider_cost', 'provider_costs', 'provider',
       (a.credits::bigint * j.cost_cents + j.credits / 2) / j.credits, j.currency
FROM attempts a JOIN jobs j USING (job_id)
WHERE a.ended_at IS NOT NULL AND a.credits > 0 AND j.credits > 0 AND j.cost_cents > 0
ON CONFLICT DO NOTHING;
