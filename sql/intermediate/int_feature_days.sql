-- model:   int_feature_days
-- purpose: How often each principal showed each value of each feature on a day: the memory that scores look back on.
-- grain:   one row per (event_date, recipient_account_id, baseline_principal, peer_group, feature, value)
-- order:   event_date, recipient_account_id, baseline_principal, peer_group, feature, value
-- inputs:  int_event_features
-- stored:  by event_date
-- columns: feature      action, target, network, client, region, hour, tier, outcome
--          value        the feature's value, as text
--          event_count  events with it that belong to the baseline
-- source:  DETECTION design, "Anomaly score"
with
features as (select * from int_event_features),
one_by_one as (
    select
        event_date, recipient_account_id, baseline_principal, peer_group,
        unnest(['action', 'target', 'network', 'client', 'region', 'hour', 'tier', 'outcome']) as feature,
        unnest([action, target, network, client, region, hour, tier, outcome]) as value
    from features
)
select
    event_date, recipient_account_id, baseline_principal, peer_group, feature, value,
    count(*) as event_count
from one_by_one
where value is not null
group by all
