-- model:   fct_grants
-- purpose: Every permission change that succeeded, per principal it affects: who made it in truth, what it added, and
--          what came of it; with the class that the ordered rule gives it.
-- grain:   one row per (recipient_account_id, event_id, target_arn)
-- order:   event_time, recipient_account_id, event_id, target_arn
-- inputs:  int_grant_deltas, int_author_standings, int_compromise_signals, int_grant_beneficiaries, int_grant_uses
-- stored:  full
-- columns: authorised  A: is changing permissions the root principal's usual work: yes, no, unknown
--          compromise  C: signs that someone else acts in its name: none, medium (one), high (two, or a decisive one)
--          signals  those signs, sorted
--          beneficiary  B: own, trust, outside, held, assumed, credential, key_made, pass_role, candidate; null if nobody's
--          benefits  every way in which the lineage benefits, sorted
--          is_beneficiary  B holds
--          benefit_confidence  best confidence of those links
--          is_benefit_temporal  all of them rest on a session name and an address alone
--          is_used  U holds: the lineage made calls that the delta allows and that it had not made before
--          is_use_proven  such a call was impossible before, or the lineage was denied it first
--          is_denied_first  the lineage was denied it before the grant
--          used_action_count  different calls of that kind
--          used_actions  the first of them, at most 50, by time
--          destructive_actions  those among them that delete, stop or disable
--          first_used_at  the first such call
--          last_used_at  the last first call of its kind
--          is_known_holder  the actor was known to hold administrator rights that others had given it
--          class  what the ordered rule says: a finding's class, or null for none
--          status  confirmed or suspected, where there is a class
--          rule  number of the rule that decided, 0 to 4
-- source:  DETECTION design, "Evidence per grant, and the class"; docs/detection.md

with grants as (
    select * from int_grant_deltas
),

standings as (
    select * from int_author_standings
),

signals as (
    select
        recipient_account_id, event_id, list(signal order by signal) as signals,
        case when bool_or(is_decisive) or count(*) >= 2 then 'high' else 'medium' end as compromise
    from int_compromise_signals
    group by recipient_account_id, event_id
),

-- Handing a role to compute, or a key to a new colleague, is routine for whoever's work it is.
benefits as (
    select b.*
    from int_grant_beneficiaries as b
    inner join grants as g
        on b.recipient_account_id = g.recipient_account_id
        and b.event_id = g.event_id
        and b.target_arn = g.target_arn
    left join standings as s
        on g.recipient_account_id = s.recipient_account_id
        and g.root_session_id = s.root_session_id
        and g.event_date = s.event_date
    where
        (b.benefit not in ('pass_role', 'credential') and not g.is_credential)
        or coalesce(s.authorised, 'unknown') <> 'yes'
        or b.is_compute_abroad
),

ways as (
    select
        recipient_account_id, event_id, target_arn,
        list(benefit order by benefit) as benefits,
        arg_min(benefit, (
            is_temporal::integer,
            list_position(
                ['own', 'trust', 'outside', 'credential', 'assumed', 'held', 'pass_role', 'key_made', 'candidate'],
                    benefit
            )
        )) as beneficiary,
        max(confidence) filter (where not is_temporal) as firm_confidence,
        max(confidence) as benefit_confidence,
        bool_and(is_temporal) as is_benefit_temporal
    from benefits
    group by recipient_account_id, event_id, target_arn
),

uses as (
    select
        recipient_account_id, event_id, target_arn,
        count(*) as used_action_count,
        list(iam_action order by first_used_at, iam_action)[1:50] as used_actions,
        list(iam_action order by first_used_at, iam_action) filter (where is_destructive)[1:50] as destructive_actions,
        bool_or(is_proven and not is_temporal and use_confidence >= 0.75) as is_use_proven,
        bool_or(is_denied_first) as is_denied_first,
        min(first_used_at) as first_used_at,
        max(first_used_at) as last_used_at
    from int_grant_uses
    group by recipient_account_id, event_id, target_arn
),

-- What the actor was given by others before: gain must go beyond it.
holders as (
    select g.recipient_account_id, g.event_id, g.target_arn
    from grants as g
    inner join grants as h
        on g.actor_key = h.target_key
        and h.event_time < g.event_time
        and h.root_baseline_arn <> g.root_baseline_arn
    where g.actor_key <> '' and g.target_key <> g.actor_key and h.delta_state = 'known'
    group by g.recipient_account_id, g.event_id, g.target_arn
    having arg_max(h.standing_tier, (h.event_time, h.event_id)) = 'T4'
),

joined as (
    select
        g.*,
        coalesce(s.authorised, 'unknown') as authorised,
        coalesce(s.is_break_glass, false) as is_break_glass,
        coalesce(s.is_allow_listed, false) as is_allow_listed,
        coalesce(s.earlier_write_count, 0) as earlier_write_count,
        coalesce(s.earlier_write_day_count, 0) as earlier_write_day_count,
        coalesce(s.earlier_event_count, 0) as earlier_event_count,
        coalesce(s.account_history_days, 0) as account_history_days,
        coalesce(c.compromise, 'none') as compromise,
        coalesce(c.signals, []::varchar[]) as signals,
        w.beneficiary,
        coalesce(w.benefits, []::varchar[]) as benefits,
        w.beneficiary is not null as is_beneficiary,
        coalesce(w.benefit_confidence, 0.0) as benefit_confidence,
        coalesce(w.firm_confidence, 0.0) >= 0.75 as is_benefit_firm,
        coalesce(w.is_benefit_temporal, false) as is_benefit_temporal,
        w.beneficiary is not null and coalesce(u.used_action_count, 0) > 0 as is_used,
        coalesce(u.is_use_proven, false) as is_use_proven,
        coalesce(u.is_denied_first, false) as is_denied_first,
        coalesce(u.used_action_count, 0) as used_action_count,
        coalesce(u.used_actions, []::varchar[]) as used_actions,
        coalesce(u.destructive_actions, []::varchar[]) as destructive_actions,
        u.first_used_at,
        u.last_used_at,
        h.event_id is not null as is_known_holder
    from grants as g
    left join standings as s
        on g.recipient_account_id = s.recipient_account_id
        and g.root_session_id = s.root_session_id
        and g.event_date = s.event_date
    left join signals as c on g.recipient_account_id = c.recipient_account_id and g.event_id = c.event_id
    left join ways as w
        on g.recipient_account_id = w.recipient_account_id
        and g.event_id = w.event_id
        and g.target_arn = w.target_arn
    left join uses as u
        on g.recipient_account_id = u.recipient_account_id
        and g.event_id = u.event_id
        and g.target_arn = u.target_arn
    left join holders as h
        on g.recipient_account_id = h.recipient_account_id
        and g.event_id = h.event_id
        and g.target_arn = h.target_arn
),

ruled as (
    select
        *,
        case
            when not is_effective or is_service_actor then 0
            when is_beneficiary and tier_rank >= 2 and is_used and not is_known_holder then 1
            -- Whoever is entitled to grant gains nothing by the grant alone: that is rule 3.
            when is_beneficiary and tier_rank >= 3 and not is_known_holder and authorised <> 'yes'
                and not (is_credential and beneficiary = 'held') then 1
            when compromise = 'high' or (authorised = 'no' and compromise = 'medium') then 2
            when authorised = 'yes' and tier_rank >= 2 and not is_credential then 3
            when authorised <> 'yes' and not is_credential then 4
            else 0
        end as rule
    from joined
)

select
    recipient_account_id,
    event_id,
    event_time,
    event_date,
    event_name,
    write_kind,
    write_verb,
    session_id,
    actor_arn,
    actor_key,
    root_session_id,
    root_principal_arn,
    root_baseline_arn,
    root_account_id,
    lineage_confidence,
    hop_count,
    path,
    has_temporal_edge,
    is_service_actor,
    target_arn,
    target_kind,
    target_name,
    target_key,
    policy_name,
    policy_arn,
    delta_state,
    delta_tier,
    tier_rank,
    standing_tier,
    before_document,
    after_document,
    actions_added,
    actions_added_count,
    resources_widened,
    conditions_dropped,
    denies_removed,
    trust_added,
    is_trust_change,
    is_credential,
    is_effective,
    primitives,
    flags,
    authorised,
    is_break_glass,
    is_allow_listed,
    earlier_write_count,
    earlier_write_day_count,
    earlier_event_count,
    account_history_days,
    compromise,
    signals,
    beneficiary,
    benefits,
    is_beneficiary,
    benefit_confidence,
    is_benefit_temporal,
    is_used,
    is_use_proven,
    is_denied_first,
    used_action_count,
    used_actions,
    destructive_actions,
    first_used_at,
    last_used_at,
    is_known_holder,
    rule,
    case rule
        when 1 then 'privilege_escalation'
        when 2 then 'unauthorized_access'
        when 3 then 'resource_misuse'
        when 4 then 'indeterminate'
    end as class,
    case
        when rule = 0 then null
        when rule = 4 or delta_state = 'unknown' then 'suspected'
        -- What was there before is unknown: only a denial that came first shows that it was not.
        when delta_state = 'upper_bound' and tier_rank >= 2 and not is_denied_first then 'suspected'
        when rule = 1 and is_use_proven and is_benefit_firm and not has_temporal_edge then 'confirmed'
        when rule = 2 and compromise = 'high' and authorised = 'no' then 'confirmed'
        when rule = 3 then 'confirmed'
        else 'suspected'
    end as status,
    source_ip_address,
    user_agent,
    archive_uri,
    archive_version,
    record_index
from ruled
