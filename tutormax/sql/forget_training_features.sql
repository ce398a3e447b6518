-- Drop what training computed of an organization's tutors from an instant on.
delete from feature_snapshots
using tutors
where
    feature_snapshots.tutor_id = tutors.tutor_id
    and tutors.organization_id = :organization_id
    and feature_snapshots.as_of >= :since
    and feature_snapshots.purpose = 'training'
