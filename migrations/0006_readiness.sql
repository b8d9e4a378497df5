-- Schema 6: guests that never became ready.

-- Why a machine is in error although libvirt knows its domain: its guest never became ready. Unlike
-- `reason` it outlasts looks at the domain, until the guest is started again or is ready.
ALTER TABLE vms ADD COLUMN unready TEXT;
