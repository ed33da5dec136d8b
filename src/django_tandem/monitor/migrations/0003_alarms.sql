ALTER TABLE tandem_alarm ADD COLUMN opened_at timestamptz;
COMMENT ON COLUMN tandem_alarm.opened_at IS 'When it had held for as long as its kind takes, and was told; NULL: it has not yet';
COMMENT ON COLUMN tandem_alarm.seen_at IS 'When it was so last';
