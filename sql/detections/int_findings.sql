-- model:   int_findings
-- purpose: One row per finding of this build: who, what, what came of it, and every point of its score.
-- grain:   one row per own_finding_id
-- order:   first_event_time, own_finding_id
-- inputs:  int_finding_members, fct_grants, int_policy_writes, int_author_sessions, fct_event_anomaly_scores
-- params:  $burst_denials
-- stored:  full
-- columns: class  privilege_escalation, unauthorized_access, resource_misuse, indeterminate, attempt
--          principal_arn  root principal
--          principal_account_id  its account
--          actor_arn  whom the record names
--          target_account_id  account of the target
--          first_event_time  first grant or denied attempt
--          last_event_time  last grant, attempt or first use of an action
--          grant_keys  event id and target of each grant, by which findings of two builds are recognised
--          event_names  names of the calls that the finding is about, sorted
--          benefits  every way in which the lineage benefits
--          signals  every sign of compromise
--          flags  what was odd about the documents
--          used_actions  at most 50, by first use
--          used_action_count  different calls that the grants made possible
--          denied_count  denied attempts
--          burst_count  most denied attempts within an hour
--          grant_count  grants
--          target_count  different targets
--          is_own  the target is the actor's own, or the actor held it already
--          is_assumed_after  the lineage took up the target's credentials after the grant
--          is_remediation  one's own plan made every change, by the request ids
--          is_temporal  a step of the chain rests on a session name and an address alone
--          is_evasive  the request, the document or the log was made hard to read
--          anomaly_score  highest percentile of the grants' events; null where none has one
--          impact_points  tier: T4 60, T3 50, T2 40, T1 10; an attempt 10, in a burst 40
--          own_points  10: the target is the actor's own, or the actor held it already
--          assumed_points  15: assumed after the grant
--          used_points  25: used after the grant; the three at most 30
--          anomaly_points  at most 15
--          evasion_points  15
--          cap  highest score that the finding may have
--          total_points  their sum
--          score  0 to 100: the sum, at most the cap
-- source:  DETECTION design, "Severity points"

with members as (
    select * from int_finding_members
),

grants as (
    select * from fct_grants
),

writes as (
    select
        recipient_account_id, event_id, event_name, session_id, principal_arn, target_arn, target_kind, target_name
    from int_policy_writes
),

sessions as (
    select session_id, root_account_id, root_baseline_arn from int_author_sessions
),

scores as (
    select recipient_account_id, event_id, anomaly_score from fct_event_anomaly_scores
),

detailed as (
    select
        m.own_finding_id, m.recipient_account_id, m.event_id, m.event_time, m.target_arn, m.member_kind,
        m.is_deciding, m.rule, m.finding_class, m.root_session_id,
        coalesce(m.is_own_action, false) as is_own_action,
        w.event_name,
        w.principal_arn as actor_arn,
        coalesce(g.target_kind, w.target_kind) as target_kind,
        m.root_principal_arn,
        coalesce(g.root_baseline_arn, s.root_baseline_arn, w.principal_arn) as root_baseline_arn,
        coalesce(g.root_account_id, s.root_account_id, m.recipient_account_id) as root_account_id,
        coalesce(g.tier_rank, 0) as tier_rank,
        coalesce(g.delta_state, 'unknown') as delta_state,
        g.status, g.beneficiary, g.compromise,
        coalesce(g.authorised, 'unknown') as authorised,
        coalesce(g.actions_added, []::varchar[]) as actions_added,
        coalesce(g.actions_added_count, 0) as actions_added_count,
        coalesce(g.denies_removed, []::varchar[]) as denies_removed,
        coalesce(g.conditions_dropped, []::varchar[]) as conditions_dropped,
        coalesce(g.trust_added, []::varchar[]) as trust_added,
        coalesce(g.primitives, []::varchar[]) as primitives,
        coalesce(g.flags, []::varchar[]) as flags,
        coalesce(g.signals, []::varchar[]) as signals,
        coalesce(g.benefits, []::varchar[]) as benefits,
        coalesce(g.used_actions, []::varchar[]) as used_actions,
        coalesce(g.destructive_actions, []::varchar[]) as destructive_actions,
        coalesce(g.used_action_count, 0) as used_action_count,
        coalesce(g.is_denied_first, false) as is_denied_first,
        coalesce(g.is_break_glass, false) as is_break_glass,
        coalesce(g.has_temporal_edge, false) or coalesce(g.is_benefit_temporal, false) as is_temporal,
        coalesce(g.hop_count, 0) as hop_count,
        coalesce(g.earlier_write_count, 0) as earlier_write_count,
        coalesce(g.earlier_event_count, 0) as earlier_event_count,
        coalesce(g.account_history_days, 0) as account_history_days,
        g.last_used_at, a.anomaly_score,
        count(*) filter (where m.member_kind = 'denied') over (
            partition by m.own_finding_id order by m.event_time
            range between interval '1 hour' preceding and current row
        ) as denied_within_hour,
        -- The member that tells most: a granted right before a denied one, PutRolePolicy before other attempts.
        row_number() over (
            partition by m.own_finding_id
            order by
                m.is_deciding desc, m.member_kind desc, g.tier_rank desc nulls last,
                g.used_action_count desc nulls last, g.is_beneficiary desc nulls last,
                w.event_name = 'PutRolePolicy' desc, m.event_time, m.recipient_account_id, m.event_id
        ) as telling_rank
    from members as m
    inner join writes as w on m.recipient_account_id = w.recipient_account_id and m.event_id = w.event_id
    left join sessions as s on w.session_id = s.session_id
    left join grants as g
        on m.recipient_account_id = g.recipient_account_id
        and m.event_id = g.event_id
        and m.target_arn = g.target_arn
    left join scores as a on m.recipient_account_id = a.recipient_account_id and m.event_id = a.event_id
),

telling as (
    select * from detailed where telling_rank = 1
),

summed as (
    select
        own_finding_id,
        min(event_time) as first_event_time,
        greatest(max(event_time), max(last_used_at)) as last_event_time,
        list_sort(list_distinct(list(concat(event_id, '|', target_arn)))) as grant_keys,
        list_sort(list_distinct(list(event_name))) as event_names,
        list_sort(list_distinct(flatten(list(actions_added) filter (where is_deciding)))) as actions_added,
        list_sort(list_distinct(flatten(list(denies_removed)))) as denies_removed,
        list_sort(list_distinct(flatten(list(conditions_dropped)))) as conditions_dropped,
        list_sort(list_distinct(flatten(list(trust_added)))) as trust_added,
        list_sort(list_distinct(flatten(list(primitives)))) as primitives,
        list_sort(list_distinct(flatten(list(flags)))) as flags,
        list_sort(list_distinct(flatten(list(signals)))) as signals,
        list_sort(list_distinct(flatten(list(benefits)))) as benefits,
        list_sort(list_distinct(flatten(list(destructive_actions)))) as destructive_actions,
        list_sort(list_distinct(flatten(list(used_actions)))) as all_used_actions,
        max(case when is_deciding then tier_rank else 0 end) as tier_rank,
        max(actions_added_count) filter (where is_deciding) as actions_added_count,
        max(used_action_count) as used_action_count,
        bool_or(is_denied_first) as is_denied_first,
        bool_or(is_break_glass) as is_break_glass,
        bool_or(is_deciding and status = 'confirmed') as is_confirmed,
        max(case compromise when 'high' then 2 when 'medium' then 1 else 0 end) as compromise_rank,
        max(anomaly_score) as anomaly_score,
        bool_and(is_own_action) as is_remediation,
        count(*) filter (where member_kind = 'grant') as grant_count,
        count(*) filter (where member_kind = 'denied') as denied_count,
        coalesce(max(denied_within_hour), 0) as burst_count,
        count(distinct target_arn) as target_count
    from detailed
    group by own_finding_id
),

judged as (
    select
        t.own_finding_id, t.finding_class, t.rule, t.root_session_id, t.root_principal_arn, t.root_baseline_arn,
        t.root_account_id, t.actor_arn, t.target_arn, t.target_kind, t.recipient_account_id, t.delta_state,
        t.beneficiary, t.used_actions, t.authorised, t.is_temporal, t.hop_count, t.earlier_write_count,
        t.earlier_event_count, t.account_history_days,
        s.* exclude (own_finding_id, all_used_actions),
        list_has_any(s.benefits, ['own', 'held']) as is_own,
        list_has_any(s.benefits, ['assumed', 'credential', 'pass_role', 'candidate']) as is_assumed_after,
        list_has_any(
            s.flags, ['wildcard_in_name', 'unusual_case', 'padded', 'omitted', 'unparseable', 'duplicate_member']
        ) or list_has_any(s.signals, ['log_tampering', 'omitted_parameters']) as is_evasive
    from telling as t
    inner join summed as s on t.own_finding_id = s.own_finding_id
),

pointed as (
    select
        *,
        case
            when rule = 5 then case when burst_count >= $burst_denials then 40 else 10 end
            else list_extract([10, 40, 50, 60], greatest(tier_rank, 1)::integer)
        end as impact_points,
        case when used_action_count > 0 then 25 else 0 end as used_points,
        -- Signs of compromise are unusual things too: they share the anomaly's points.
        least(15, greatest(
            8 * len(list_filter(signals, lambda word: word not in ('log_tampering', 'omitted_parameters'))),
            case
                when anomaly_score >= 99 then 15
                when anomaly_score >= 95 then 10
                when anomaly_score >= 90 then 5
                else 0
            end
        )) as anomaly_points,
        case when is_evasive then 15 else 0 end as evasion_points,
        case
            -- One's own remediation is shown, and is no alarm.
            when is_remediation then 9
            -- Nothing seen but that something is unknown: worth a line, not an alarm.
            when rule = 4 and delta_state = 'unknown' and len(signals) = 0 then 39
            when rule >= 4 then 64
            when is_temporal then 84
            else 100
        end as cap
    from judged
),

chained as (
    select
        *,
        case when is_own then least(10, 30 - used_points) else 0 end as own_points
    from pointed
),

summed_up as (
    select
        *,
        case when is_assumed_after then least(15, 30 - used_points - own_points) else 0 end as assumed_points
    from chained
),

scored as (
    select
        *,
        (impact_points + own_points + assumed_points + used_points + anomaly_points + evasion_points)::integer
            as total_points
    from summed_up
)

select
    own_finding_id,
    finding_class as class,
    rule,
    case when is_confirmed then 'confirmed' else 'suspected' end as status,
    root_session_id,
    root_principal_arn as principal_arn,
    root_baseline_arn,
    root_account_id as principal_account_id,
    actor_arn,
    hop_count,
    target_arn,
    recipient_account_id as target_account_id,
    target_kind,
    first_event_time,
    last_event_time,
    grant_keys,
    event_names,
    concat('T', tier_rank) as delta_tier,
    delta_state,
    actions_added[1:50] as actions_added,
    coalesce(actions_added_count, 0) as actions_added_count,
    denies_removed,
    conditions_dropped,
    trust_added,
    primitives,
    flags,
    authorised,
    is_break_glass,
    earlier_write_count,
    earlier_event_count,
    account_history_days,
    list_extract(['none', 'medium', 'high'], (compromise_rank + 1)::integer) as compromise,
    signals,
    beneficiary,
    benefits,
    is_own,
    is_assumed_after,
    used_actions,
    used_action_count,
    destructive_actions,
    is_denied_first,
    denied_count,
    burst_count,
    grant_count,
    target_count,
    is_remediation,
    is_temporal,
    is_evasive,
    anomaly_score,
    impact_points,
    own_points,
    assumed_points,
    used_points,
    anomaly_points,
    evasion_points,
    cap,
    total_points,
    least(total_points, cap, 100) as score
from scored
