-- model:   fct_escalation_chains
-- purpose: The chain of each finding: one row per step, in order, and one row for the chain as a whole.
-- grain:   one row per (finding_id, row_kind, position)
-- order:   finding_id, position
-- inputs:  int_finding_steps, stg_finding_ids, int_findings
-- stored:  full
-- columns: row_kind  edge or chain
--          position  order of the step, from 1; 0 for the chain
--          step_count  steps of the chain; null on a step
--          edge  kind of the step; null for the chain
--          source  ARN or access key id; of the chain, the root principal
--          target  ARN or access key id; of the chain, whose permissions changed
--          confidence  of the step; of the chain, its weakest step's
--          event_id  event that shows the step; of the chain, its first grant
--          event_account_id  account that recorded it
--          path_text  the chain in one line
-- source:  INTERFACE, "findings.json"

with steps as (
    select s.*, i.finding_id
    from int_finding_steps as s
    inner join stg_finding_ids as i on s.own_finding_id = i.own_finding_id
),

findings as (
    select f.own_finding_id, f.principal_arn, f.target_arn, i.finding_id
    from int_findings as f
    inner join stg_finding_ids as i on f.own_finding_id = i.own_finding_id
),

placed as (
    select
        *,
        row_number() over (
            partition by finding_id order by stage, event_time, event_id, edge, source, target
        )::integer as position
    from steps
),

chains as (
    select
        f.finding_id, 'chain' as row_kind, 0 as position, count(*)::integer as step_count, null::varchar as edge,
        f.principal_arn as source, f.target_arn as target, min(p.confidence) as confidence,
        arg_min(p.event_id, p.position) filter (where p.edge = 'grant') as event_id,
        arg_min(p.event_account_id, p.position) filter (where p.edge = 'grant') as event_account_id,
        min(p.event_time) as event_time,
        string_agg(concat(p.source, ' -[', p.edge, ']-> ', p.target), '; ' order by p.position) as path_text
    from findings as f
    inner join placed as p on f.finding_id = p.finding_id
    group by f.finding_id, f.principal_arn, f.target_arn
),

edges as (
    select
        finding_id, 'edge' as row_kind, position, null::integer as step_count, edge, source, target, confidence,
        event_id, event_account_id, event_time, null::varchar as path_text
    from placed
),

together as (
    select * from chains
    union all
    select * from edges
)

select
    finding_id,
    row_kind,
    position,
    step_count,
    edge,
    source,
    target,
    confidence,
    event_id,
    event_account_id,
    event_time,
    path_text
from together
