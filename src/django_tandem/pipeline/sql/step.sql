-- name: began
-- The lock's epoch is compared and the run must be open; both rows stay as they are until this is written.
WITH held AS (
    SELECT owner, epoch FROM tandem_lock
    WHERE name = %(lock)s AND owner = %(owner)s AND epoch = %(epoch)s FOR SHARE
), run AS (
    SELECT id FROM tandem_run WHERE id = %(run)s AND ended_at IS NULL FOR SHARE
)
INSERT INTO tandem_step (run, stage, step, leg, host, what, driver, epoch, detail)
SELECT run.id, %(stage)s, %(step)s, %(leg)s, %(host)s, 'began', held.owner, held.epoch, %(detail)s FROM held, run
RETURNING id;

-- name: ended
-- Also where the run has ended meanwhile: it happened.
WITH held AS (
    SELECT owner, epoch FROM tandem_lock
    WHERE name = %(lock)s AND owner = %(owner)s AND epoch = %(epoch)s FOR SHARE
)
INSERT INTO tandem_step (run, stage, step, leg, host, what, began, seconds, driver, epoch, detail)
SELECT began.run, began.stage, began.step, began.leg, began.host, %(what)s, began.id,
    extract(epoch FROM clock_timestamp() - began.at), held.owner, held.epoch, %(detail)s
FROM held, tandem_step AS began WHERE began.id = %(began)s
ON CONFLICT (began) WHERE began IS NOT NULL DO NOTHING
RETURNING run;

-- name: end_of
SELECT what FROM tandem_step WHERE began = %(began)s;

-- name: of_run
-- Each step once. One that nobody ended runs while its driver has a lock, and was cut off where he has none.
SELECT began.stage, began.step, began.leg, began.host,
    CASE WHEN last.id IS NOT NULL THEN last.what
        WHEN EXISTS (SELECT FROM tandem_lock WHERE owner = began.driver) THEN 'running' ELSE 'cut off' END AS state,
    began.at AS began_at, last.at AS ended_at,
    coalesce(last.seconds, CASE WHEN EXISTS (SELECT FROM tandem_lock WHERE owner = began.driver)
        THEN extract(epoch FROM clock_timestamp() - began.at)::float8 END) AS seconds,
    began.detail || coalesce(last.detail, '{}') AS detail, began.driver
FROM tandem_step AS began LEFT JOIN tandem_step AS last ON last.began = began.id
WHERE began.run = %(run)s AND began.what = 'began' ORDER BY began.id;

-- name: rows
SELECT id, at, stage, step, leg, host, what, seconds, driver, epoch, detail FROM tandem_step
WHERE run = %(run)s ORDER BY id;
