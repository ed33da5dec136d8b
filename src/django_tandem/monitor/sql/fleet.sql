-- name: first
-- Whether this session is to write the row of what all share: nobody does, and nobody has. The lock is the transaction's.
SELECT pg_try_advisory_xact_lock(%(lock)s) AND NOT EXISTS (
    SELECT FROM tandem_sample WHERE resolution = 5 AND at = to_timestamp(%(at)s) AND server = 0
);

-- name: write
INSERT INTO tandem_sample (resolution, at, server, role, host, release, facts)
VALUES (5, to_timestamp(%(at)s), 0, '', '', '', %(facts)s)
ON CONFLICT (resolution, at, server) DO NOTHING;

-- name: latest
-- The newest row of what all share, and how many seconds ago its queues were counted.
SELECT facts, extract(epoch FROM clock_timestamp() - (facts ->> 'counted_at')::timestamptz)::float8
FROM tandem_sample
WHERE resolution = 5 AND at > statement_timestamp() - interval '1 hour' AND server = 0
ORDER BY at DESC LIMIT 1;

-- name: database
-- Of the whole server, because all of its databases share what it grants; waits and transactions of this one. Of other
-- users' sessions not all may be shown.
SELECT
    count(*) FILTER (WHERE coalesce(backend_type, 'client backend') = 'client backend'),
    current_setting('max_connections')::int,
    count(*) FILTER (WHERE datname = current_database() AND wait_event_type = 'Lock'),
    coalesce(extract(epoch FROM clock_timestamp() - min(xact_start) FILTER (
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
    )), 0)::float8
FROM pg_stat_activity WHERE datid IS NOT NULL;

-- name: alarms
SELECT kind, count(*) FROM tandem_alarm WHERE ended_at IS NULL AND opened_at IS NOT NULL GROUP BY kind ORDER BY kind;
