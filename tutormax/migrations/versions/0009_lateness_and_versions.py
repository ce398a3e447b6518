"""How much of what was served became known too late, and how right each version of a model was."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CHANGES = """
alter table feature_skew add column late integer;
comment on column feature_skew.late is 'vectors that would have been others, had everything been known at once';

alter table prediction_cohorts drop constraint prediction_cohorts_scorer_check;
comment on column prediction_cohorts.scorer is 'rule; model: all of the population''s models; or one, by its model_id';
"""


def upgrade() -> None:
    """Make room for both."""
    op.execute(CHANGES)


def downgrade() -> None:
    """Forget them."""
    op.execute(
        """
        delete from prediction_cohorts where scorer not in ('model', 'rule');
        alter table prediction_cohorts
            add constraint prediction_cohorts_scorer_check check (scorer in ('model', 'rule'));
        alter table feature_skew drop column late;
        """
    )
