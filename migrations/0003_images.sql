-- The image's volume that a machine's disk is an overlay on, or that it boots from: it must stay for
-- as long as the machine does. Unknown for machines that were made before.
ALTER TABLE vms ADD COLUMN base TEXT;
CREATE INDEX vms_by_base ON vms (base) WHERE base IS NOT NULL AND removed_at IS NULL;
