-- name: level
-- How far the servers of a role are to yield. What nobody renewed is over.
SELECT level, why FROM tandem_pressure
WHERE role = %(role)s::text AND level > 0 AND expires_at > clock_timestamp();

-- name: standing
-- Of all roles: the level, why, and for how many seconds it is this one. A level that lapsed is 0.
SELECT role, CASE WHEN expires_at > clock_timestamp() THEN level ELSE 0 END, why,
    extract(epoch FROM clock_timestamp() - CASE WHEN expires_at > clock_timestamp() THEN changed_at ELSE expires_at END)::float8
FROM tandem_pressure;

-- name: set
-- A level that lapsed was 0 before. Workers are told where it is another one now.
WITH was AS (
    SELECT role, CASE WHEN expires_at > clock_timestamp() THEN level ELSE 0 END AS level
    FROM tandem_pressure WHERE role = %(role)s::text
), new AS (
    INSERT INTO tandem_pressure AS pressure (role, level, why, expires_at)
    VALUES (%(role)s::text, %(level)s::smallint, %(why)s::text, clock_timestamp() + %(lasts)s::interval)
    ON CONFLICT (role) DO UPDATE SET
        level = excluded.level, why = excluded.why, expires_at = excluded.expires_at,
        changed_at = CASE
            WHEN excluded.level = (SELECT level FROM was) THEN pressure.changed_at ELSE excluded.changed_at END
    RETURNING role
)
SELECT pg_notify('tandem_pressure', role) FROM new
WHERE %(level)s::smallint <> coalesce((SELECT level FROM was), 0);
