-- For slots that are kept for urgent work. Jobs of the usual priority are not in it, and cost nothing. `state + 0`: so that
-- who looks for them cannot be led into the index of all that is ready, which may be long.
CREATE INDEX tandem_job_urgent ON tandem_job (queue, priority, due, id) WHERE state + 0 = 1 AND priority > 0;
