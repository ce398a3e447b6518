"""What became of predictions: outcomes, weekly cohorts, drift, and whether served features can be had again."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CHANGES = """
alter table churn_predictions
    add column outcome_1 boolean,
    add column outcome_7 boolean,
    add column outcome_30 boolean,
    add column outcome_90 boolean;
comment on column churn_predictions.outcome_30 is 'whether the tutor left within 30 days; null until that is certain';
create index churn_predictions_as_of on churn_predictions (as_of);

create table prediction_cohorts (
    population text not null check (population in ('synthetic', 'customer')),
    scorer text not null check (scorer in ('model', 'rule')),
    week timestamptz not null,
    horizon_days smallint not null,
    tutors integer not null,
    expected double precision not null,
    actual double precision not null,
    auc double precision,
    log_loss double precision not null,
    calibration_error double precision not null,
    complete boolean not null,
    measured_at timestamptz not null,
    primary key (population, scorer, week, horizon_days)
);
comment on column prediction_cohorts.week is 'Monday 00:00 UTC; of each tutor the week''s first prediction counts';
comment on column prediction_cohorts.expected is 'the mean probability; actual is the share who left';

create table prediction_drift (
    model_id text not null,
    measured_at timestamptz not null,
    subject text not null,
    psi double precision not null,
    tutors integer not null,
    primary key (model_id, measured_at, subject)
);
comment on column prediction_drift.subject is 'score, or the name of a feature';

create table feature_skew (
    measured_at timestamptz primary key,
    feature_version text not null,
    vectors integer not null,
    missing integer not null,
    different integer not null,
    features jsonb not null
);
comment on column feature_skew.features is 'how many vectors differ in each feature that differs at all';

create table feature_names (
    feature_version text primary key,
    names text[] not null
);
comment on table feature_names is 'what the numbers of feature_snapshots are called, in order';
"""


def upgrade() -> None:
    """Make room for what monitoring finds."""
    op.execute(CHANGES)


def downgrade() -> None:
    """Forget it."""
    op.execute(
        """
        drop table feature_names, feature_skew, prediction_drift, prediction_cohorts;
        drop index churn_predictions_as_of;
        alter table churn_predictions
            drop column outcome_1, drop column outcome_7, drop column outcome_30, drop column outcome_90;
        """
    )
