-- name: read
SELECT owner, host, machine, pid, started, run, epoch,
    extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 AS age_s
FROM tandem_lock WHERE name = %(name)s;

-- name: take
-- Free, or its owner silent for longer than the limit, or proven gone by who asks. The epoch rises: what the owner
-- before wrote after this would name another.
INSERT INTO tandem_lock AS lock (name, epoch, owner, host, machine, pid, started, run, acquired_at, heartbeat_at)
VALUES (%(name)s, 1, %(owner)s, %(host)s, %(machine)s, %(pid)s, %(started)s, %(run)s, clock_timestamp(), clock_timestamp())
ON CONFLICT (name) DO UPDATE
SET epoch = lock.epoch + 1, owner = excluded.owner, host = excluded.host, machine = excluded.machine, pid = excluded.pid,
    started = excluded.started, run = excluded.run, acquired_at = clock_timestamp(), heartbeat_at = clock_timestamp()
WHERE lock.owner IS NULL OR lock.owner = %(gone)s OR lock.heartbeat_at < clock_timestamp() - %(limit)s::interval
RETURNING epoch;

-- name: renew
UPDATE tandem_lock SET heartbeat_at = clock_timestamp()
WHERE name = %(lock)s AND owner = %(owner)s AND epoch = %(epoch)s;

-- name: release
WITH free AS (
    UPDATE tandem_lock
    SET owner = NULL, host = NULL, machine = NULL, pid = NULL, started = NULL, run = NULL, acquired_at = NULL,
        heartbeat_at = NULL
    WHERE name = %(lock)s AND owner = %(owner)s AND epoch = %(epoch)s
    RETURNING name
)
SELECT pg_notify('tandem_pipeline', 'lock ' || name) FROM free;

-- name: keep
-- Nobody takes the lock over before the transaction of who asks has ended.
SELECT FROM tandem_lock WHERE name = %(lock)s AND owner = %(owner)s AND epoch = %(epoch)s FOR SHARE;

-- name: cut_when_frozen
-- A driver that is frozen inside a transaction must not keep the row, and with it the lock, for ever.
SELECT set_config('idle_in_transaction_session_timeout', %(milliseconds)s::text, false);
