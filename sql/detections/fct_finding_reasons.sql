-- model:   fct_finding_reasons
-- purpose: Why each finding has its class and its score: what was seen, and what it added.
-- grain:   one row per (finding_id, code)
-- order:   finding_id, position, code
-- inputs:  int_findings, stg_finding_ids, fct_finding_evidence
-- params:  $history_min_days
-- stored:  full
-- columns: position  order within the finding
--          code  stable word
--          text  a sentence; names from the log are data, not markup
--          points  what it added to the score; negative where the score is capped
-- source:  DETECTION design, "Evidence per grant, and the class", "Severity points"

with findings as (
    select f.*, i.finding_id
    from int_findings as f
    inner join stg_finding_ids as i on f.own_finding_id = i.own_finding_id
),

remediation as (
    select
        finding_id, 0 as position, 'remediation' as code,
        concat(
            grant_count + denied_count, ' change(s) made by a PolicyTrail plan, known by the request ids of its journal'
        ) as text,
        0 as points
    from findings
    where is_remediation
),

impact as (
    select
        finding_id, 1 as position,
        case when rule = 5 then 'denied' else concat('impact_', lower(delta_tier)) end as code,
        case
            when rule = 5 and impact_points > 10
                then concat(denied_count, ' permission changes were denied, ', burst_count, ' of them within an hour')
            when rule = 5 then concat(denied_count, ' permission change(s) denied; nothing was granted')
            when delta_tier = 'T4' then 'The grant reaches administrator rights'
            when delta_tier = 'T3' and delta_state = 'unknown'
                then 'What the grant added is unknown; it counts as rights that lead to administrator rights'
            when delta_tier = 'T3' and delta_state <> 'known' and list_has_any(benefits, ['trust', 'outside'])
                then 'Whoever is let in has all that the role may do; what that is was never seen'
            when delta_tier = 'T3' then 'The grant completes a known way to administrator rights'
            when delta_tier = 'T2' then 'The grant reaches data, secrets or a whole service'
            else 'The grant adds narrow rights'
        end as text,
        impact_points as points
    from findings
),

chain as (
    select
        finding_id, 2 as position, 'self_grant' as code,
        case
            when list_contains(benefits, 'own') then 'The permissions are the actor''s own'
            else 'The lineage already held a session of the target'
        end as text,
        own_points as points
    from findings
    where is_own
    union all
    select
        finding_id, 3 as position, 'assumed_after' as code,
        case
            when list_contains(benefits, 'candidate')
                then 'The record hides the target; the lineage then assumed a role that may be it'
            when list_contains(benefits, 'pass_role') and not list_contains(benefits, 'assumed')
                then 'The lineage passed the role to compute, which then used it'
            when list_contains(benefits, 'credential') then 'The lineage used the credentials that it made'
            else 'The lineage assumed the target after the grant'
        end as text,
        assumed_points as points
    from findings
    where is_assumed_after
    union all
    select
        finding_id, 4 as position, 'used_after' as code,
        concat(
            'Calls that the grant made possible and that the lineage had not made before: ',
            array_to_string(used_actions[1:10], ', '),
            case when used_action_count > 10 then concat(' and ', used_action_count - 10, ' more') else '' end
        ) as text,
        used_points as points
    from findings
    where used_action_count > 0
    union all
    select
        finding_id, 5 as position, 'denied_then_granted' as code,
        'The same lineage was denied such a call before the grant' as text, 0 as points
    from findings
    where is_denied_first
    union all
    select
        finding_id, 6 as position, 'denied_attempts' as code,
        concat(denied_count, ' attempt(s) to change this target were denied before') as text, 0 as points
    from findings
    where rule <> 5 and denied_count > 0
    union all
    select
        finding_id, 7 as position, 'trust_opened' as code,
        concat('The trust policy now lets in ', array_to_string(trust_added[1:5], ', ')) as text, 0 as points
    from findings
    where list_has_any(benefits, ['trust', 'outside'])
    union all
    select
        finding_id, 9 as position, 'key_made' as code,
        'The same session made credentials for the target' as text, 0 as points
    from findings
    where list_contains(benefits, 'key_made')
    union all
    select
        finding_id, 8 as position, 'destructive_use' as code,
        concat('Destructive calls made through it: ', array_to_string(destructive_actions[1:10], ', ')) as text,
        0 as points
    from findings
    where len(destructive_actions) > 0
),

delta as (
    select
        finding_id, 10 as position, 'delta_upper_bound' as code,
        'What the target held before was never seen: the delta is an upper bound' as text, 0 as points
    from findings
    where rule < 5 and delta_state = 'upper_bound'
    union all
    select
        finding_id, 11 as position, 'delta_unknown' as code,
        'The record does not tell what was added' as text, 0 as points
    from findings
    where rule < 5 and delta_state = 'unknown'
    union all
    select
        finding_id, 12 as position, 'denies_removed' as code,
        concat('Deny statements that went: ', array_to_string(denies_removed[1:5], ', ')) as text, 0 as points
    from findings
    where len(denies_removed) > 0
    union all
    select
        finding_id, 13 as position, 'conditions_dropped' as code,
        concat('Conditions that no longer apply: ', array_to_string(conditions_dropped[1:5], ', ')) as text, 0 as points
    from findings
    where len(conditions_dropped) > 0
),

standing as (
    select
        finding_id, 20 as position,
        case
            when is_break_glass then 'break_glass'
            when authorised = 'yes' then 'authorised'
            when authorised = 'no' then 'not_authorised'
            else 'no_baseline'
        end as code,
        case
            when is_break_glass then 'A break-glass principal: its changes are always reported'
            when authorised = 'yes'
                then concat('Changing permissions is its usual work: ', earlier_write_count, ' earlier changes')
            when authorised = 'no'
                then concat(
                    'Changing permissions is not its usual work: ', earlier_write_count, ' earlier changes in ',
                    earlier_event_count, ' earlier events'
                )
            when account_history_days < $history_min_days
                then concat(
                    'Baselines are missing: the archives hold ', account_history_days,
                    ' day(s) of this account before it'
                )
            else concat('Baselines are missing: ', earlier_event_count, ' earlier event(s) of this principal')
        end as text,
        0 as points
    from findings
    where rule < 5
),

compromise as (
    select
        finding_id,
        30 + list_position(
            [
                'new_network', 'new_client', 'mfa_lost', 'denial_burst', 'fresh_key', 'log_tampering',
                'omitted_parameters'
            ],
            signal
        ) as position,
        signal as code,
        case signal
            when 'new_network' then 'From a network that this principal had never used'
            when 'new_client' then 'With a client that this principal had never used'
            when 'mfa_lost' then 'Without the second factor that its sessions of this kind always had'
            when 'denial_burst' then 'After a burst of denied calls'
            when 'fresh_key' then 'With an access key that someone else made within a day before'
            when 'log_tampering' then 'Beside calls that stop or narrow the trail'
            else 'The request was too large for the trail, which hides its parameters'
        end as text,
        0 as points
    from (select finding_id, unnest(signals) as signal from findings)
    union all
    select
        finding_id, 40 as position, 'unauthorized_actor' as code,
        'Strong signs that someone else acts in this principal''s name' as text, 0 as points
    from findings
    where rule = 1 and compromise = 'high'
),

score as (
    select
        finding_id, 50 as position, 'anomaly' as code,
        case
            when anomaly_score is null then 'Unusual for this principal, by the signs above'
            else concat('Unusual for this principal: percentile ', floor(anomaly_score)::integer)
        end as text,
        anomaly_points as points
    from findings
    where anomaly_points > 0
    union all
    select
        finding_id, 51 as position, 'evasion' as code,
        concat_ws(
            '; ',
            case
                when list_has_any(signals, ['log_tampering', 'omitted_parameters'])
                    then 'The trail was narrowed or the request hidden'
            end,
            case
                when len(flags) > 0 then concat('The document is written oddly: ', array_to_string(flags, ', '))
            end
        ) as text,
        evasion_points as points
    from findings
    where evasion_points > 0
    union all
    select
        finding_id, 60 as position, 'temporal_edge' as code,
        'A step of the chain rests on a session name and an address alone' as text, 0 as points
    from findings
    where is_temporal
    union all
    select
        finding_id, 61 as position, 'capped' as code,
        case
            when is_remediation then 'One''s own remediation is no alarm'
            when cap = 39 then 'Nothing is seen but that what was added is unknown'
            when rule >= 4 then 'What is not established is never above medium'
            when is_temporal then 'A chain with such a step is never above high'
            else 'The score ends at 100'
        end as text,
        score - total_points as points
    from findings
    where score < total_points
),

-- A verdict is there only where digests were checked: without any, coverage says so once for the whole report.
evidence as (
    select
        finding_id, 70 as position, 'unverified_evidence' as code,
        concat(
            count(*) filter (where verification is distinct from 'verified'), ' of the ', count(*),
            ' events it rests on lie in archives that no digest vouches for: ',
            array_to_string(
                list_sort(
                    list(distinct coalesce(verification, 'not checked'))
                        filter (where verification is distinct from 'verified')
                ),
                ', '
            )
        ) as text,
        0 as points
    from fct_finding_evidence
    group by finding_id
    having count(verification) > 0 and count(*) filter (where verification is distinct from 'verified') > 0
),

reasons as (
    select * from remediation
    union all
    select * from impact
    union all
    select * from chain
    union all
    select * from delta
    union all
    select * from standing
    union all
    select * from compromise
    union all
    select * from score
    union all
    select * from evidence
)

select
    finding_id,
    position::integer as position,
    code,
    text,
    points::integer as points
from reasons
