-- name: clock
-- Seconds since 1970.
SELECT extract(epoch FROM clock_timestamp())::float8;

-- name: write
-- A row of five seconds; none is returned where there is one already.
INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)
VALUES (5, to_timestamp(%(at)s), %(server)s, %(role)s, %(host)s, %(release)s, %(facts)s)
ON CONFLICT (resolution, at, server) DO NOTHING
RETURNING extract(epoch FROM clock_timestamp())::float8;

-- name: there
SELECT facts FROM tandem_sample WHERE resolution = 5 AND at = to_timestamp(%(at)s) AND server = %(server)s FOR UPDATE;

-- name: rewrite
UPDATE tandem_sample SET facts = %(facts)s
WHERE resolution = 5 AND at = to_timestamp(%(at)s) AND server = %(server)s;
