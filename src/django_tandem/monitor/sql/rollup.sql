-- name: lock
-- One at a time; the lock is the transaction's.
SELECT pg_try_advisory_xact_lock(%(lock)s);

-- name: lock_waiting
SELECT pg_advisory_xact_lock(%(lock)s);

-- name: next
-- When the next row begins (seconds since 1970) that there are finer ones for, and whether its time is over.
SELECT begins, begins + %(coarse)s + %(grace)s <= extract(epoch FROM clock_timestamp()) FROM (
    SELECT floor(extract(epoch FROM min(at)) / %(coarse)s)::bigint * %(coarse)s AS begins FROM tandem_sample
    WHERE resolution = %(fine)s AND at >= coalesce(
        (SELECT max(at) FROM tandem_sample WHERE resolution = %(coarse)s) + make_interval(secs => %(coarse)s), '-infinity'
    )
) AS found;

-- name: newest
-- When the newest row of a resolution begins, seconds since 1970.
SELECT extract(epoch FROM max(at))::bigint FROM tandem_sample WHERE resolution = %(coarse)s;

-- name: finer
SELECT server, role, host, release, facts FROM tandem_sample
WHERE resolution = %(fine)s AND at >= to_timestamp(%(at)s) AND at < to_timestamp(%(at)s + %(coarse)s)
ORDER BY server, at;

-- name: write
-- Made anew of the same rows it is the same.
INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)
VALUES (%(coarse)s, to_timestamp(%(at)s), %(server)s, %(role)s, %(host)s, %(release)s, %(facts)s)
ON CONFLICT (resolution, at, server) DO UPDATE
SET role = EXCLUDED.role, host = EXCLUDED.host, release = EXCLUDED.release, facts = EXCLUDED.facts;

-- name: forget
-- What is older than it is kept, the oldest first; where it is rolled up, not before that was done.
DELETE FROM tandem_sample WHERE id = ANY (ARRAY(
    SELECT id FROM tandem_sample
    WHERE resolution = %(fine)s AND at < statement_timestamp() - %(kept)s::interval
        AND (%(coarse)s::bigint IS NULL OR at < (SELECT max(at) FROM tandem_sample WHERE resolution = %(coarse)s))
    ORDER BY at LIMIT %(count)s
));
