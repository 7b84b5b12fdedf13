-- model:   int_event_surprise
-- purpose: How many bits each identity event surprises, given only the 30 days before it and earlier that day.
-- grain:   one row per (event_date, recipient_account_id, event_id)
-- order:   event_date, event_time, recipient_account_id, event_id
-- inputs:  int_event_features, int_feature_days
-- params:  $smoothing
-- stored:  by event_date, lookback 30 days
-- columns: surprise_microbits    sum of the three largest surprises, in millionths of a bit: whole numbers add up the
--                                same on any number of threads
--          baseline_event_count  earlier events of the principal that it was compared with
--          frequency_bin         UNSEEN, RARE, INFREQUENT, FREQUENT: the action, among the principal's earlier events
--          first_seen            features whose value the principal never showed before
--          reasons               the three largest surprises, in words
--          is_policy_write       the event changed, or tried to change, permissions
-- source:  back-off smoothing: principal, then peer group, then account (DETECTION design, "Anomaly score");
--          bins after Amazon GuardDuty's user guide, "unusual behaviour"
with
-- A number stands for an event until the end: it groups, sorts and joins faster than a date and two texts.
features as materialized (select *, row_number() over () as event_number from int_event_features),
days as (select * from int_feature_days),
principal_values as (
    select
        event_date, recipient_account_id, baseline_principal, feature, value,
        coalesce(sum(day_count) over (
            partition by recipient_account_id, baseline_principal, feature, value
            order by event_date - date '1970-01-01'
            range between 30 preceding and 1 preceding
        ), 0)::bigint as earlier_count
    from (select event_date, recipient_account_id, baseline_principal, feature, value, sum(event_count) as day_count from days group by all)
),
principal_totals as (
    select
        event_date, recipient_account_id, baseline_principal,
        coalesce(sum(day_count) over (
            partition by recipient_account_id, baseline_principal
            order by event_date - date '1970-01-01'
            range between 30 preceding and 1 preceding
        ), 0)::bigint as earlier_count
    from (select event_date, recipient_account_id, baseline_principal, sum(event_count) as day_count from days where feature = 'action' group by all)
),
peer_values as (
    select
        event_date, recipient_account_id, peer_group, feature, value,
        coalesce(sum(day_count) over (
            partition by recipient_account_id, peer_group, feature, value
            order by event_date - date '1970-01-01'
            range between 30 preceding and 1 preceding
        ), 0)::bigint as earlier_count
    from (select event_date, recipient_account_id, peer_group, feature, value, sum(event_count) as day_count from days group by all)
),
peer_totals as (
    select
        event_date, recipient_account_id, peer_group,
        coalesce(sum(day_count) over (
            partition by recipient_account_id, peer_group
            order by event_date - date '1970-01-01'
            range between 30 preceding and 1 preceding
        ), 0)::bigint as earlier_count
    from (select event_date, recipient_account_id, peer_group, sum(event_count) as day_count from days where feature = 'action' group by all)
),
account_values as (
    select
        event_date, recipient_account_id, feature, value,
        coalesce(sum(day_count) over (
            partition by recipient_account_id, feature, value
            order by event_date - date '1970-01-01'
            range between 30 preceding and 1 preceding
        ), 0)::bigint as earlier_count
    from (select event_date, recipient_account_id, feature, value, sum(event_count) as day_count from days group by all)
),
account_totals as (
    select
        event_date, recipient_account_id,
        coalesce(sum(day_count) over (
            partition by recipient_account_id
            order by event_date - date '1970-01-01'
            range between 30 preceding and 1 preceding
        ), 0)::bigint as earlier_count
    from (select event_date, recipient_account_id, sum(event_count) as day_count from days where feature = 'action' group by all)
),
hours as (
    select
        event_date, recipient_account_id, baseline_principal,
        count(*) as hour_count,
        sum(event_count)::double as event_sum,
        sum(event_count * event_count)::double as square_sum
    from days
    where feature = 'hour'
    group by all
),
earlier_hours as (
    select
        event_date, recipient_account_id, baseline_principal,
        sum(hour_count) over earlier as hour_count,
        sum(event_sum) over earlier as event_sum,
        sum(square_sum) over earlier as square_sum
    from hours
    window earlier as (
        partition by recipient_account_id, baseline_principal
        order by event_date - date '1970-01-01'
        range between 30 preceding and 1 preceding
    )
),
pace as (
    -- Mean and variance of the principal's earlier hours in which it did anything; a negative binomial with that
    -- mean, and never less spread than a Poisson's. Fewer than 20 such hours tell nothing.
    select
        event_date, recipient_account_id, baseline_principal,
        event_sum / hour_count as mean_count,
        greatest(square_sum / hour_count - pow(event_sum / hour_count, 2), 1.05 * event_sum / hour_count) as variance
    from earlier_hours
    where hour_count >= 20
),
-- What is one for an event is looked up before its features are told apart.
with_totals as (
    select
        f.*,
        coalesce(pt.earlier_count, 0) + f.earlier_count as principal_count,
        coalesce(gt.earlier_count, 0) as peer_count,
        coalesce(ac.earlier_count, 0) as account_count
    from features as f
    left join principal_totals as pt using (event_date, recipient_account_id, baseline_principal)
    left join peer_totals as gt using (event_date, recipient_account_id, peer_group)
    left join account_totals as ac using (event_date, recipient_account_id)
),
one_by_one as (
    select
        event_number, event_date, recipient_account_id, baseline_principal, peer_group,
        principal_count, peer_count, account_count,
        unnest(['action', 'target', 'network', 'client', 'region', 'hour', 'tier', 'outcome']) as feature,
        unnest([action, target, network, client, region, hour, tier, outcome]) as value,
        unnest(earlier_by_feature) as earlier_value_count
    from with_totals
),
counted as (
    select
        f.event_number, f.feature, f.value,
        coalesce(pv.earlier_count, 0) + f.earlier_value_count as value_count,
        f.principal_count,
        coalesce(gv.earlier_count, 0) as peer_value_count,
        f.peer_count,
        coalesce(av.earlier_count, 0) as account_value_count,
        f.account_count
    from one_by_one as f
    left join principal_values as pv using (event_date, recipient_account_id, baseline_principal, feature, value)
    left join peer_values as gv using (event_date, recipient_account_id, peer_group, feature, value)
    left join account_values as av using (event_date, recipient_account_id, feature, value)
    where f.value is not null
),
surprises as (
    select
        event_number, feature, value, value_count, principal_count,
        round(-1e6 * log2(
            (
                value_count
                + $smoothing * (
                    peer_value_count + $smoothing * (account_value_count + 1.0) / (account_count + 2.0)
                ) / (peer_count + $smoothing)
            ) / (principal_count + $smoothing)
        ))::bigint as microbits
    from counted
),
bursts as (
    select
        f.event_number, f.hour_count,
        least(40e6, round(-1e6 * log2(greatest(1 - list_sum(list_transform(
            -- The tail is summed up to 300 events an hour; beyond, the surprise is a lower bound.
            range(0, least(f.hour_count, 300)),
            lambda k: exp(
                lgamma(k + p.mean_count * p.mean_count / (p.variance - p.mean_count))
                - lgamma(p.mean_count * p.mean_count / (p.variance - p.mean_count)) - lgamma(k + 1.0)
                + p.mean_count * p.mean_count / (p.variance - p.mean_count) * ln(p.mean_count / p.variance)
                + k * ln(1 - p.mean_count / p.variance)
            )
        )), pow(2, -40)))))::bigint as microbits
    from features as f
    inner join pace as p using (event_date, recipient_account_id, baseline_principal)
    where f.hour_count > p.mean_count
),
all_surprises as (
    select
        event_number, feature, value, value_count, principal_count, microbits,
        value_count = 0 and principal_count > 0 as is_first
    from surprises
    union all
    select
        event_number, 'pace' as feature, null as value, hour_count as value_count,
        null as principal_count, microbits, false as is_first
    from bursts
),
-- One number orders an event's surprises: the larger first, of equal ones by the feature's name, and
-- first one that the list lacks: without a number it would be left out.
summed as (
    select
        event_number,
        arg_max(
            struct_pack(feature, value, value_count, principal_count, microbits),
            microbits * 16 - coalesce(list_position(
                ['action', 'client', 'hour', 'network', 'outcome', 'pace', 'region', 'target', 'tier'], feature
            ), 0),
            3
        ) as largest,
        list(feature order by feature) filter (where is_first) as first_seen,
        max(case when feature = 'action' then value_count end) as value_count,
        max(case when feature = 'action' then principal_count end) as principal_count
    from all_surprises
    group by event_number
)
select
    f.event_date, f.event_time, f.event_id, f.recipient_account_id, f.baseline_principal,
    list_sum(list_transform(s.largest, lambda one: one.microbits))::bigint as surprise_microbits,
    s.principal_count::bigint as baseline_event_count,
    case
        when s.value_count = 0 then 'UNSEEN'
        when s.value_count <= 2 or s.value_count < 0.01 * s.principal_count then 'RARE'
        when s.value_count < 0.1 * s.principal_count then 'INFREQUENT'
        else 'FREQUENT'
    end as frequency_bin,
    coalesce(s.first_seen, []) as first_seen,
    list_transform(
        s.largest,
        lambda one: case
            when one.feature = 'pace'
                then concat(
                    'pace: ', one.value_count, ' events this hour, ', printf('%.1f', one.microbits / 1e6), ' bits'
                )
            else concat(
                one.feature, ' ', one.value, ': ', printf('%.1f', one.microbits / 1e6), ' bits, seen in ',
                one.value_count, ' of ', one.principal_count, ' earlier events'
            )
        end
    ) as reasons,
    f.is_denied,
    f.tier is not null as is_policy_write
from features as f
inner join summed as s using (event_number)
