-- recall_tutors: what is already known of the staged tutors that their file does not speak of?
-- A file without a column says nothing about it, so what is known stays; an empty value says that there is none.
update staged set
    name = case when 'name' = any(cast(:absent as text[])) then known.name else staged.name end,
    subjects = case
        when 'subjects' = any(cast(:absent as text[])) then to_jsonb(known.subjects)
        else staged.subjects
    end,
    baseline_sessions_per_week = case
        when 'baseline_sessions_per_week' = any(cast(:absent as text[])) then known.baseline_sessions_per_week
        else staged.baseline_sessions_per_week
    end
from tutors as known
where
    known.organization_id = staged.organization_id
    and known.external_id = staged.tutor_id
    and cast(:absent as text[]) && array['name', 'subjects', 'baseline_sessions_per_week']
