-- name: began
INSERT INTO tandem_audit (who, via, action, detail, outcome, text)
VALUES (%(who)s, %(via)s, %(action)s, %(detail)s, %(outcome)s, %(text)s)
RETURNING id;

-- name: ended
UPDATE tandem_audit SET outcome = %(outcome)s, text = %(text)s WHERE id = %(id)s;

-- name: one
SELECT id, at, who, via, action, detail, outcome, text FROM tandem_audit WHERE id = %(id)s;

-- name: newest
SELECT id, at, who, via, action, detail, outcome, text FROM tandem_audit ORDER BY id DESC LIMIT %(count)s;

-- name: forget
DELETE FROM tandem_audit WHERE at < statement_timestamp() - %(older_than)s::interval;
