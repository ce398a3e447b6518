-- thin_performance_metrics: which judgements does nobody need any more?
-- Of quarter hours that have passed only the one at midnight UTC matters, so a row goes that another one has replaced by
-- then; and what was replaced, or belongs to somebody who was no more judged, before all that is kept.
delete from tutor_performance_metrics as old
where
    old.window_end < :quarter_hours_from
    and (
        exists (
            select true
            from tutor_performance_metrics as newer
            where
                newer.tutor_id = old.tutor_id
                and newer.window_days = old.window_days
                and newer.window_end > old.window_end
                and (
                    newer.window_end <= :oldest
                    or (
                        newer.window_end <= :quarter_hours_from
                        and newer.window_end
                        <= date_trunc('day', old.window_end - interval '1 microsecond', 'UTC') + interval '24 hours'
                    )
                )
        )
        or (old.window_end < :oldest and not old.active)
    )
