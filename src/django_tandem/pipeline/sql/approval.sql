-- name: ask
INSERT INTO tandem_approval (run, digest, summary, expires_at)
VALUES (%(run)s, %(digest)s, %(summary)s, clock_timestamp() + %(valid_for)s::interval);

-- name: read
SELECT run, digest, summary, asked_at, expires_at, decision, decided_at, decided_by, via, reason,
    extract(epoch FROM expires_at - clock_timestamp())::float8 AS seconds_left
FROM tandem_approval WHERE run = %(run)s;

-- name: decide
-- The run leaves the gate and the gate is decided, or neither.
WITH passed AS (
    UPDATE tandem_run SET state = %(to)s, reason = %(reason)s, ended_at = CASE WHEN %(ends)s THEN clock_timestamp() END
    WHERE id = %(run)s AND state = %(waiting)s
    RETURNING id
)
UPDATE tandem_approval
SET decision = %(decision)s, decided_at = clock_timestamp(), decided_by = %(by)s, via = %(via)s, reason = %(reason)s
FROM passed WHERE run = passed.id AND decision IS NULL;

-- name: expire
-- By the database's clock, so that hosts need not agree about the time.
WITH late AS (
    UPDATE tandem_approval SET decision = 'expired', decided_at = clock_timestamp()
    WHERE decision IS NULL AND expires_at <= clock_timestamp()
    RETURNING run
)
UPDATE tandem_run SET state = %(to)s, ended_at = clock_timestamp(), reason = 'nobody decided in time'
FROM late WHERE id = late.run AND state = %(waiting)s
RETURNING id;
