-- name: session
-- A lock lives as long as its session. Nothing may end that but its holder, or the end of its host, which this server
-- notices within 11 s. The process id is that of the session itself, whatever stands in between.
SELECT set_config('idle_session_timeout', '0', false), set_config('statement_timeout', '0', false),
    set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
    set_config('tcp_keepalives_count', '3', false), pg_backend_pid() AS session;

-- name: try
-- In each of these `label` does nothing: it stands in the text of the statement, where `holders` reads it.
SELECT is_taken, extract(epoch FROM clock_timestamp())::float8 AS at, %(label)s::text AS label
FROM pg_try_advisory_lock(%(key)s::bigint) AS is_taken;

-- name: at_most
SELECT set_config('lock_timeout', %(milliseconds)s::text, false);

-- name: wait
SELECT extract(epoch FROM clock_timestamp())::float8 AS at, %(label)s::text AS label
FROM pg_advisory_lock(%(key)s::bigint) AS taken;

-- name: check
-- The lock is there if the session is.
SELECT true AS is_there, %(label)s::text AS label;

-- name: release
SELECT pg_advisory_unlock(%(key)s::bigint);

-- name: holders
-- Sessions that hold or want a lock (or only that of `key`), who holds it first. A session that is idle holds it since
-- its last statement.
SELECT *
FROM (
    SELECT (classid::bigint << 32) | objid::bigint AS key, granted, query, application_name,
        CASE WHEN granted THEN state_change ELSE query_start END AS since
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND objsubid = 1 AND pg_locks.database = pg_stat_activity.datid
        AND datname = current_database() AND application_name LIKE 'tandem lock %%'
) AS session
WHERE key = coalesce(%(key)s::bigint, key)
ORDER BY key, granted DESC, since;
