-- model:   stg_policy_deltas
-- purpose: What each permission-changing call added, by the policy evaluator: before, after, tier, patterns.
-- grain:   one row per (recipient_account_id, event_id, target_arn)
-- order:   recipient_account_id, event_id, target_arn
-- inputs:  ext_policy_deltas
with
verdicts as (select * from ext_policy_deltas)
select
    recipient_account_id, event_id, target_arn, target_kind, target_name, state, tier, standing_tier,
    before_document, after_document, document_sha256, actions_added, actions_added_count, resources_widened,
    conditions_dropped, denies_removed, trust_added, is_trust_change, is_noop, is_deny_only, primitives, flags
from verdicts
