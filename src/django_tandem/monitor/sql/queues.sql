-- name: counted
-- Unfinished jobs by queue, priority and state, where no server counts them; at most `most` of them are looked at.
SELECT queue, priority, state, count(*), extract(
    epoch FROM clock_timestamp() - min(greatest(enqueued_at, run_after)))::float8, clock_timestamp()
FROM (SELECT queue, priority, state, enqueued_at, run_after FROM tandem_job LIMIT %(most)s) AS job
GROUP BY queue, priority, state;

-- name: consumers
-- The roles that claim now, and how many servers of each.
SELECT role, count(*) FROM tandem_server
WHERE state = 'active' AND heartbeat_at > clock_timestamp() - %(lease)s::interval
GROUP BY role;
