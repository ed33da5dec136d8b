-- name: servers
SELECT id, role, host, pid, release, state, extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 AS heartbeat_age_s,
    config_digest, started_at
FROM tandem_server WHERE state <> 'stopped' ORDER BY role, host, id;

-- name: queues
-- `oldest_ready_s`: how long the ready job that has waited longest has been ready.
SELECT queue,
    count(*) FILTER (WHERE state = 1) AS ready,
    count(*) FILTER (WHERE state = 0) AS scheduled,
    count(*) FILTER (WHERE state = 2) AS running,
    count(*) FILTER (WHERE state = 6) AS paused,
    extract(epoch FROM clock_timestamp() - min(greatest(enqueued_at, run_after)) FILTER (WHERE state = 1))::float8
        AS oldest_ready_s
FROM tandem_job GROUP BY queue ORDER BY queue;

-- name: priorities
-- The same by priority too.
SELECT queue, priority,
    count(*) FILTER (WHERE state = 1) AS ready,
    count(*) FILTER (WHERE state = 0) AS scheduled,
    count(*) FILTER (WHERE state = 2) AS running,
    count(*) FILTER (WHERE state = 5) AS limited,
    count(*) FILTER (WHERE state = 6) AS paused,
    extract(epoch FROM clock_timestamp() - min(greatest(enqueued_at, run_after)) FILTER (WHERE state = 1))::float8
        AS oldest_ready_s
FROM tandem_job GROUP BY queue, priority;
