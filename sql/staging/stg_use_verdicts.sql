-- model:   stg_use_verdicts
-- purpose: Whether a grant's delta allows what its target was then used for, by the policy evaluator.
-- grain:   one row per (recipient_account_id, event_id, target_arn, iam_action)
-- order:   recipient_account_id, event_id, target_arn, iam_action
-- inputs:  ext_use_verdicts
with
verdicts as (select * from ext_use_verdicts)
select
    recipient_account_id, event_id, target_arn, iam_action, is_allowed_by_delta, was_allowed_before
from verdicts
