-- name: rows
-- Servers that have not stopped; and those that are said to have, of which a session or a process shows otherwise.
SELECT id, role, host, pid, release, state, config_digest,
    extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 AS heartbeat_age_s,
    extract(epoch FROM clock_timestamp() - started_at)::float8 AS age_s, heartbeat_at
FROM tandem_server
WHERE state <> 'stopped' OR id = ANY (%(connected)s::bigint[]) OR (host = %(host)s AND pid = ANY (%(pids)s::integer[]))
ORDER BY role, host, id;

-- name: sessions
-- What keepers and workers call their connections: which servers have some, how many, and the workers' process ids.
SELECT substring(application_name FROM '^tandem (?:keeper|worker) (\d+)')::bigint AS server, count(*),
    coalesce(
        array_agg(DISTINCT substring(application_name FROM '-(\d+)$')::integer)
            FILTER (WHERE application_name ~ '^tandem worker \d+-\d+$'),
        '{}'
    ) AS workers
FROM pg_stat_activity
WHERE datname = current_database() AND application_name ~ '^tandem (keeper|worker) \d+'
GROUP BY 1;

-- name: left_by_open_runs
-- The releases that open runs come from: their servers end when their run lets them.
SELECT DISTINCT step.detail ->> 'from' FROM tandem_step AS step JOIN tandem_run AS run ON run.id = step.run
WHERE run.ended_at IS NULL AND step.step = 'prepare' AND step.detail ->> 'from' IS NOT NULL;

-- name: of_release
-- What an activation looks at: servers of a release whose heartbeat is fresh.
SELECT id, role, host, pid, release, state FROM tandem_server
WHERE release = %(release)s AND state <> 'stopped' AND heartbeat_at > clock_timestamp() - %(lease)s::interval
ORDER BY role, host, id;
