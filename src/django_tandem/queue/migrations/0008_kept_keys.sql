ALTER TABLE tandem_job ADD COLUMN kept_replace_key text;
ALTER TABLE tandem_result ADD COLUMN unique_key text, ADD COLUMN replace_key text;
COMMENT ON COLUMN tandem_job.kept_replace_key IS 'Its replace_key, also after it was claimed';
COMMENT ON COLUMN tandem_result.unique_key IS 'Kept for a retry, as is replace_key';
