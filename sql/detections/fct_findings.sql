-- model:   fct_findings
-- purpose: Every finding: a classified chain, grant or attempt, with its score; sentences are made from these columns.
-- grain:   one row per finding_id
-- order:   score, first_event_time, finding_id
-- inputs:  int_findings, stg_finding_ids, int_finding_paths
-- stored:  full
-- columns: severity  critical from 85, high from 65, medium from 40, low from 10, info
--          path_ids  escalation paths that the finding walks, ids of seed_escalation_paths
--          is_remediation  one's own plan made every change, by the request ids: shown, no alarm
--          remediation  ids of the steps that apply; made when a plan is asked for
-- source:  INTERFACE, "findings.json"; DETECTION design, "Severity points"

with findings as (
    select * from int_findings
),

ids as (
    select own_finding_id, finding_id, supersedes from stg_finding_ids
),

paths as (
    select own_finding_id, list(path_id order by path_id) as path_ids
    from int_finding_paths
    group by own_finding_id
)

select
    i.finding_id,
    f.own_finding_id,
    f.class,
    f.status,
    case
        when f.score >= 85 then 'critical'
        when f.score >= 65 then 'high'
        when f.score >= 40 then 'medium'
        when f.score >= 10 then 'low'
        else 'info'
    end as severity,
    f.score,
    f.principal_arn,
    f.principal_account_id,
    f.actor_arn,
    f.root_session_id,
    f.hop_count,
    f.target_arn,
    f.target_account_id,
    f.target_kind,
    f.target_count,
    f.first_event_time,
    f.last_event_time,
    i.supersedes,
    coalesce(p.path_ids, []::varchar[]) as path_ids,
    f.delta_tier,
    f.delta_state,
    f.actions_added,
    f.actions_added_count,
    f.denies_removed,
    f.conditions_dropped,
    f.trust_added,
    f.event_names,
    f.grant_count,
    f.denied_count,
    f.grant_keys,
    f.authorised,
    f.compromise,
    f.signals,
    f.beneficiary,
    f.used_actions,
    f.used_action_count,
    f.is_denied_first,
    f.is_remediation,
    f.is_temporal,
    f.is_evasive,
    f.anomaly_score,
    []::varchar[] as remediation
from findings as f
inner join ids as i on f.own_finding_id = i.own_finding_id
left join paths as p on f.own_finding_id = p.own_finding_id
