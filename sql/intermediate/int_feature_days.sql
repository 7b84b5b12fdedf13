-- model:   int_feature_days
-- purpose: How often each principal showed each value of each feature on a day: the memory that scores look back on.
-- grain:   one row per (event_date, recipient_account_id, baseline_principal, peer_group, feature, value)
-- order:   event_date, recipient_account_id, baseline_principal, peer_group, feature, value
-- inputs:  int_event_features, int_confirmed_events
-- stored:  by event_date
-- columns: feature      action, target, network, client, region, hour, tier, outcome
--          value        the feature's value, as text
--          event_count  events with it that belong to the baseline: not those of a confirmed abuse
-- source:  DETECTION design, "Anomaly score"
with
features as (select * from int_event_features),
confirmed as (select event_date, recipient_account_id, event_id from int_confirmed_events),
told_apart as (
    select f.*, c.event_id is null as is_in_baseline
    from features as f
    left join confirmed as c
        on f.event_date = c.event_date
        and f.recipient_account_id = c.recipient_account_id
        and f.event_id = c.event_id
),
one_by_one as (
    select
        event_date, recipient_account_id, baseline_principal, peer_group, is_in_baseline,
        unnest(['action', 'target', 'network', 'client', 'region', 'hour', 'tier', 'outcome']) as feature,
        unnest([action, target, network, client, region, hour, tier, outcome]) as value
    from told_apart
)
select
    event_date, recipient_account_id, baseline_principal, peer_group, feature, value,
    count(*) filter (where is_in_baseline) as event_count
from one_by_one
where value is not null
group by all
