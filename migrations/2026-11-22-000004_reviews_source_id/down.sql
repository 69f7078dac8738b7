ALTER TABLE reviews DROP COLUMN source_id;
