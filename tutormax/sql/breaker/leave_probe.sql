-- leave_probe: who was to find out has been interrupted; who may instead?
-- One row: whoever asks next.
update breakers set probe_until = null
where name = :name
returning name
