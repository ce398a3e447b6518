-- recall_sessions: what is already known of the staged sessions that their file does not speak of?
-- A file without a column says nothing about it, so what is known stays; an empty value says that there is none.
-- Of the outcome a file speaks as soon as it has one column that tells it.
with silence as (
    select
        cast(:absent as text[]) as absent,
        cast(:absent as text[]) @> array[
            'status', 'no_show', 'cancelled_at', 'actual_start', 'ended_at'
        ] as on_outcome
)

update staged set
    subject = case when 'subject' = any(absent) then known.subject else staged.subject end,
    engagement_score = case
        when 'engagement_score' = any(absent) then known.engagement_score else staged.engagement_score
    end,
    objectives_met = case when 'objectives_met' = any(absent) then known.objectives_met else staged.objectives_met end,
    technical_issues = case
        when 'technical_issues' = any(absent) then known.technical_issues else staged.technical_issues
    end,
    tutor_replaced = case when 'tutor_replaced' = any(absent) then known.tutor_replaced else staged.tutor_replaced end,
    status = case when on_outcome then known.status else staged.status end,
    cancelled_at = case when on_outcome then known.cancelled_at else staged.cancelled_at end,
    actual_start = case when on_outcome then known.actual_start else staged.actual_start end,
    ended_at = case when on_outcome then known.ended_at else staged.ended_at end,
    late_start_minutes = case
        when on_outcome and 'late_start_minutes' = any(absent) then known.late_start_minutes
        else staged.late_start_minutes
    end
from sessions as known, silence
where known.organization_id = staged.organization_id and known.external_id = staged.session_id
