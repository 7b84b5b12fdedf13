-- model:   int_grant_deltas
-- purpose: Every permission change that succeeded, per principal it affects: who made it in truth, and what it added.
-- grain:   one row per (recipient_account_id, event_id, target_arn)
-- order:   recipient_account_id, event_time, event_id, target_arn
-- inputs:  int_policy_writes, stg_policy_deltas, int_author_sessions
-- stored:  full
-- columns: actor_arn  whom the record names
--          actor_key  the same as 'account|kind|name'
--          target_key  whose permissions changed, as 'account|kind|name'; '' where unknown
--          delta_tier  T0 to T4; an unknown delta counts as T3
--          tier_rank  the same as a number
--          delta_state  known, upper_bound, unknown
--          is_credential  the grant is a key or a password for another user: all that user may do
--          is_effective  it added something: tier 1 or more, no identical rewrite, not Deny alone
-- source:  DETECTION design, "Evidence per grant, and the class", rule 0

with writes as (
    select * from int_policy_writes where is_success
),

deltas as (
    select * from stg_policy_deltas
),

sessions as (
    select
        session_id, principal_key, root_session_id, root_principal_arn, root_baseline_arn, root_account_id,
        lineage_confidence, hop_count, has_temporal_edge, path, is_service_actor
    from int_author_sessions
),

affected as (
    select
        w.recipient_account_id, w.event_id, w.event_time, w.event_date, w.event_name, w.write_kind, w.write_verb,
        w.session_id, w.principal_arn as actor_arn, w.actor_key, w.user_identity_access_key_id,
        w.user_identity_invoked_by, w.policy_name, w.policy_arn, w.is_request_omitted, w.issued_access_key_id,
        w.source_ip_address, w.user_agent, w.archive_uri, w.archive_version, w.record_index,
        coalesce(d.target_arn, w.target_arn) as target_arn,
        coalesce(d.target_kind, w.target_kind) as target_kind,
        coalesce(d.target_name, w.target_name) as target_name,
        coalesce(d.state, 'unknown') as delta_state,
        d.tier, d.standing_tier, d.before_document, d.after_document, d.document_sha256, d.trust_added,
        coalesce(d.actions_added, []::varchar[]) as actions_added,
        coalesce(d.actions_added_count, 0) as actions_added_count,
        coalesce(d.resources_widened, []::varchar[]) as resources_widened,
        coalesce(d.conditions_dropped, []::varchar[]) as conditions_dropped,
        coalesce(d.denies_removed, []::varchar[]) as denies_removed,
        coalesce(d.is_trust_change, false) as is_trust_change,
        coalesce(d.is_noop, false) as is_noop,
        coalesce(d.is_deny_only, false) as is_deny_only,
        coalesce(d.primitives, []::varchar[]) as primitives,
        coalesce(d.flags, []::varchar[]) as flags,
        w.write_kind = 'credential' as is_credential
    from writes as w
    left join deltas as d on w.recipient_account_id = d.recipient_account_id and w.event_id = d.event_id
    -- What the evaluator has no row for changed nobody's permissions, a new key or password excepted.
    where d.event_id is not null or (w.write_kind = 'credential' and w.write_verb in ('create', 'update'))
),

ranked as (
    select
        *,
        case
            when target_name is null then ''
            else lower(concat(recipient_account_id, '|', target_kind, '|', target_name))
        end as target_key,
        case
            when delta_state = 'unknown' then greatest(coalesce(substr(tier, 2, 1)::integer, 3), 3)
            else substr(tier, 2, 1)::integer
        end as tier_rank
    from affected
)

select
    r.recipient_account_id,
    r.event_id,
    r.event_time,
    r.event_date,
    r.event_name,
    r.write_kind,
    r.write_verb,
    r.session_id,
    r.actor_arn,
    r.actor_key,
    r.user_identity_access_key_id,
    r.user_identity_invoked_by,
    coalesce(s.root_session_id, r.session_id) as root_session_id,
    -- A root is whom its own record names: masked archives give several users one key and one session.
    case when s.hop_count > 0 then s.root_principal_arn else r.actor_arn end as root_principal_arn,
    case
        when s.hop_count > 0 or r.actor_key not like '%|user|%' then coalesce(s.root_baseline_arn, r.actor_arn)
        else r.actor_arn
    end as root_baseline_arn,
    coalesce(nullif(s.root_account_id, ''), r.recipient_account_id) as root_account_id,
    coalesce(s.lineage_confidence, 1.0) as lineage_confidence,
    coalesce(s.hop_count, 0) as hop_count,
    coalesce(s.has_temporal_edge, false) as has_temporal_edge,
    coalesce(s.path, [r.session_id]) as path,
    coalesce(s.is_service_actor, false) as is_service_actor,
    r.target_arn,
    r.target_kind,
    r.target_name,
    r.target_key,
    r.policy_name,
    r.policy_arn,
    r.is_request_omitted,
    r.issued_access_key_id,
    r.delta_state,
    concat('T', r.tier_rank) as delta_tier,
    r.tier_rank,
    r.standing_tier,
    r.before_document,
    r.after_document,
    r.document_sha256,
    r.actions_added,
    r.actions_added_count,
    r.resources_widened,
    r.conditions_dropped,
    r.denies_removed,
    coalesce(r.trust_added, []::varchar[]) as trust_added,
    r.is_trust_change,
    r.is_noop,
    r.is_deny_only,
    r.primitives,
    r.flags,
    r.is_credential and r.target_key is distinct from r.actor_key as is_credential,
    -- A document that only denies may still take the place of one that denied more.
    r.tier_rank >= 1 and not r.is_noop and not (r.is_deny_only and len(r.denies_removed) = 0)
    and not (r.is_credential and r.target_key = r.actor_key) as is_effective,
    r.source_ip_address,
    r.user_agent,
    r.archive_uri,
    r.archive_version,
    r.record_index
from ranked as r
left join sessions as s on r.session_id = s.session_id
